"""Where requests go: endpoints in localities, localities in priorities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from comal_operator.core.serving.acknowledgement import SCORING_CLUSTER

_TYPE = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
# The finest share is a thousandth of a percent, and weights are whole numbers.
_WEIGHTS_PER_PERCENT = 1000
# A revision that lost all Pods but one of a hundred keeps its share; a dead one loses it.
_OVERPROVISIONING = 100_000

Address = tuple[str, int]


@dataclass(frozen=True)
class Backend:
    """One revision as the routers see it."""

    revision: str
    percent: str
    """Its share; 0 stands by in case all others die."""
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Routing:
    """All that the routers of one endpoint follow."""

    name: str
    backends: tuple[Backend, ...]
    last_resort: Address | None
    """The stable revision's ClusterIP: it outlives every Pod address that we wrote down."""
    timeout_seconds: float

    @property
    def traffic(self) -> Mapping[str, str]:
        """Percent by revision."""
        return {one.revision: one.percent for one in self.backends}


def load_assignment(routing: Routing) -> dict[str, Any]:
    """Return the endpoint file's one resource.

    First those with a share, then those that stand by, then the last resort: Envoy goes on to the
    next priority only when a whole priority is dead. Numbers must not skip.
    """
    serving = [
        _locality(one.revision, one.addresses, int(Decimal(one.percent) * _WEIGHTS_PER_PERCENT))
        for one in routing.backends
        if Decimal(one.percent) > 0 and one.addresses
    ]
    standing_by = [
        _locality(one.revision, one.addresses, 1)
        for one in routing.backends
        if Decimal(one.percent) == 0 and one.addresses
    ]
    last = [_locality("last-resort", [routing.last_resort], 1)] if routing.last_resort else []
    ranks = [rank for rank in (serving, standing_by, last) if rank]
    return {
        "@type": _TYPE,
        "cluster_name": SCORING_CLUSTER,
        "endpoints": [
            {**locality, "priority": priority}
            for priority, rank in enumerate(ranks)
            for locality in rank
        ],
        "policy": {"overprovisioning_factor": _OVERPROVISIONING},
    }


def _locality(zone: str, addresses: Iterable[Address], weight: int) -> dict[str, Any]:
    return {
        "locality": {"zone": zone},
        "load_balancing_weight": weight,
        "lb_endpoints": [
            {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}
            for address, port in addresses
        ],
    }
