"""Where requests go: endpoints in localities, localities in priorities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from comal_operator.core.serving.acknowledgement import MIRROR_CLUSTER, SCORING_CLUSTER
from comal_operator.core.serving.handling import Handling
from comal_operator.core.serving.tracing import Traces

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
    role: str = ""
    """What it is to the endpoint: see `handling.Role`."""
    model_version: str = ""
    """For the log."""


@dataclass(frozen=True)
class Routing:
    """All that the routers of one endpoint follow."""

    name: str
    backends: tuple[Backend, ...]
    last_resort: Address | None
    """The stable revision's ClusterIP: it outlives every Pod address that we wrote down."""
    timeout_seconds: float
    handling: Handling = field(default_factory=Handling)
    traces: Traces | None = None
    """Where spans go; none are made without it."""

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
        _revision(one, int(Decimal(one.percent) * _WEIGHTS_PER_PERCENT))
        for one in routing.backends
        if Decimal(one.percent) > 0 and one.addresses
    ]
    standing_by = [
        _revision(one, 1) for one in routing.backends if Decimal(one.percent) == 0 and one.addresses
    ]
    last = [_last_resort(routing.last_resort)] if routing.last_resort else []
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


def mirror_assignment(routing: Routing) -> dict[str, Any]:
    """Return the endpoints that get copies; there is always such a resource, Envoy waits for it."""
    mirror = routing.handling.mirror
    copied = [
        _revision(one, 1)
        for one in routing.backends
        if mirror is not None and one.revision == mirror.revision and one.addresses
    ]
    return {"@type": _TYPE, "cluster_name": MIRROR_CLUSTER, "endpoints": copied}


def _revision(backend: Backend, weight: int) -> dict[str, Any]:
    facts = {
        # What routes and repeats choose by.
        "envoy.lb": {"revision": backend.revision, "role": backend.role},
        "comal": {"revision": backend.revision, "modelVersion": backend.model_version},
    }
    return _locality(backend.revision, backend.addresses, weight, facts)


def _last_resort(address: Address) -> dict[str, Any]:
    """Return the endpoint that is tried when all others failed their checks.

    It has no checks of its own: on a starved machine the only Pod is slow to answer them, and a
    request is better off waiting for it than refused.
    """
    facts = {"comal": {"revision": "last-resort", "modelVersion": ""}}
    found = _locality("last-resort", [address], 1, facts)
    for one in found["lb_endpoints"]:
        one["endpoint"]["health_check_config"] = {"disable_active_health_check": True}
    return found


def _locality(
    zone: str, addresses: Iterable[Address], weight: int, facts: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "locality": {"zone": zone},
        "load_balancing_weight": weight,
        "lb_endpoints": [
            {
                "endpoint": {
                    "address": {"socket_address": {"address": address, "port_value": port}}
                },
                "metadata": {"filter_metadata": facts},
            }
            for address, port in addresses
        ],
    }
