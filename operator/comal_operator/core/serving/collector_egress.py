"""Where routers and scoring Pods may go with their spans."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from comal_operator.core.network_rules import IN_CLUSTER, OUTSIDE
from comal_operator.core.plan import Manifest
from comal_scorer import contract


def collector_egress(endpoints: Iterable[str]) -> list[dict[str, Any]]:
    """Return the rule for these collectors; none where no spans are made.

    Whether a name leads into the cluster or out of it only the user knows; a node's credentials
    are nowhere behind it.
    """
    ports = sorted({int(one.rpartition(":")[2]) for one in endpoints})
    if not ports:
        return []
    peers = [*IN_CLUSTER["to"], *OUTSIDE["to"]]
    return [{"to": peers, "ports": [{"protocol": "TCP", "port": port} for port in ports]}]


def told_collectors(templates: Iterable[Manifest]) -> set[str]:
    """Return the collectors that the operator has told these Pods of."""
    return {
        one["value"]
        for template in templates
        for container in template["spec"]["containers"]
        for one in container.get("env", ())
        if one["name"] == contract.TRACES_ENDPOINT_ENV and _is_ours(one)
    }


def _is_ours(variable: Manifest) -> bool:
    # One of predictor.env may be from a Secret, or anything at all.
    address, colon, port = variable.get("value", "").rpartition(":")
    return bool(address.startswith("http://") and colon and port.isascii() and port.isdigit())
