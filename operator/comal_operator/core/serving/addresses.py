"""The routers' check of where callers come from.

X-Forwarded-For is a header like others: whoever reaches the routers can write it. So it decides
only for a connection that comes from a proxy which the spec names.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from comal_operator.core.serving.open_paths import open_policy

_RBAC = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"


def address_filter(allowed: Sequence[str], proxies: Sequence[str]) -> list[dict[str, Any]]:
    """Return the filter that lets in who comes from a network in `allowed`; none without any."""
    if not allowed:
        return []
    peers = _any("direct_remote_ip", allowed)
    caller = peers
    if proxies:
        speaks_for_others = _any("direct_remote_ip", proxies)
        itself = {"and_ids": {"ids": [{"not_id": speaks_for_others}, peers]}}
        passed_on = {"and_ids": {"ids": [speaks_for_others, _any("remote_ip", allowed)]}}
        caller = {"or_ids": {"ids": [itself, passed_on]}}
    policy = {"permissions": [{"any": True}], "principals": [caller]}
    rules = {"action": "ALLOW", "policies": {"addresses": policy, "open": open_policy()}}
    return [{"name": "comal.addresses", "typed_config": {"@type": _RBAC, "rules": rules}}]


def _any(field: str, networks: Sequence[str]) -> dict[str, Any]:
    found = [ip_network(one) for one in networks]
    return {
        "or_ids": {
            "ids": [
                {
                    field: {
                        "address_prefix": str(one.network_address),
                        "prefix_len": one.prefixlen,
                    }
                }
                for one in found
            ]
        }
    }
