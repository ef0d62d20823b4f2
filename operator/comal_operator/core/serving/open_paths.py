"""What anybody may ask, without a key and from anywhere: whether the endpoint is well.

Load balancers and Gateways ask and have no key. Exact paths by GET alone, behind Envoy's cleaning
of paths, so that nothing else is reached this way.
"""

from __future__ import annotations

from typing import Any

from comal_scorer.contract import HEALTH_PATH

LIVE_PATHS = (HEALTH_PATH, "/v2/health/live")
"""Where an endpoint that nobody may call still says that it is well."""
_PATHS = (*LIVE_PATHS, "/v2/health/ready")


def open_policy() -> dict[str, Any]:
    """Return the policy of an RBAC filter that lets these questions pass."""
    reading = {"header": {"name": ":method", "string_match": {"exact": "GET"}}}
    paths = [{"url_path": {"path": {"exact": path}}} for path in _PATHS]
    both = {"and_rules": {"rules": [reading, {"or_rules": {"rules": paths}}]}}
    return {"permissions": [both], "principals": [{"any": True}]}
