"""What a router says it runs: the proof that a written configuration has arrived."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

STATS_PORT: Final = 9902
# Text readouts are few (one a configuration source), so the filter only saves bytes.
VERSIONS_PATH: Final = "/stats?type=TextReadouts&filter=version_text"

SCORING_CLUSTER: Final = "scoring"
MIRROR_CLUSTER: Final = "mirror"
SCORING_ROUTES: Final = "scoring"

_SOURCES: Final = {
    f"cluster.{SCORING_CLUSTER}.version_text": "endpoints",
    f"cluster.{MIRROR_CLUSTER}.version_text": "mirror",
    "cluster_manager.cds.version_text": "clusters",
    f"http.{SCORING_ROUTES}.rds.{SCORING_ROUTES}.version_text": "routes",
    "listener_manager.lds.version_text": "listeners",
}
# At the end of what routers say of their routes while nobody is answered.
_SUSPENDED: Final = " suspended"
_LINE = re.compile(r'^(?P<stat>[^:]+): "(?P<version>.*)"$')


def parse_router_versions(text: str) -> dict[str, str]:
    """Return the versions in a router's answer to GET `VERSIONS_PATH` on `STATS_PORT`.

    Keys are endpoints, mirror, clusters, routes and listeners; what Envoy has not accepted yet is
    left out. Anything else in `text`, an error page included, gives nothing.
    """
    versions: dict[str, str] = {}
    for line in text.splitlines():
        found = _LINE.match(line.strip())
        source = _SOURCES.get(found["stat"]) if found else None
        if found and source and found["version"]:
            versions[source] = found["version"]
    return versions


def acknowledged_traffic(versions: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return percent by revision as the router runs it, or None if it did not say."""
    text = (versions or {}).get("endpoints")
    if text is None:
        return None
    traffic = traffic_of(text)
    routes = (versions or {}).get("routes", "")
    # Each file is followed by itself: until both have arrived, nothing is said.
    if " #" in routes and traffic_of(routes) != traffic:
        return None
    return dict.fromkeys(traffic, "0") if routes.endswith(_SUSPENDED) else traffic


def traffic_text(traffic: Mapping[str, str], content: str, *, suspended: bool = False) -> str:
    """Return the version of an endpoint file: its traffic in words, then its content's hash.

    So a router's answer tells the shares it runs, not only whether they are the newest.
    """
    shares = ",".join(f"{revision}={traffic[revision]}" for revision in sorted(traffic))
    return f"{shares} #{content}{_SUSPENDED if suspended else ''}"


def traffic_of(text: str) -> dict[str, str]:
    """Return percent by revision that `traffic_text` wrote."""
    shares, _, _ = text.partition(" #")
    pairs = (share.partition("=") for share in shares.split(",") if share)
    return {revision: percent for revision, _, percent in pairs}
