"""Whether a workspace is where the registry is: records that cross regions cost time and money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from comal_operator.core.conditions import as_said, condition, find
from comal_operator.core.plan import Manifest, Seen
from comal_operator.core.reasons import AzureState

MISMATCH: Final = "RegionMismatch"
# Clouds write it on each of their nodes.
REGION_LABEL: Final = "topology.kubernetes.io/region"


def region_condition(registry: Manifest, there: str | None, seen: Seen) -> Mapping[str, Any]:
    """Return a warning where the workspace found `there` is not in the region of our Pods."""
    here = sorted({_plain(name) for node in seen.all("Node") if (name := _region_of(node))})
    if there and here:
        if here == [_plain(there)]:
            text = f"workspace and registry are in {here[0]}"
            return condition(MISMATCH, False, AzureState.SAME_REGION, text)
        text = (
            f"the workspace is in {_plain(there)} and this registry in {' and '.join(here)}: every"
            " record crosses regions; name a workspace of the same region, or live with it"
        )
        return condition(MISMATCH, True, AzureState.REGIONS_DIFFER, text)
    said = find(registry.get("status", {}).get("conditions"), MISMATCH)
    if there and said is not None and said["status"] != "Unknown":
        # Its Pod is between two nodes.
        return as_said(said)
    missing = f"the nodes have no label {REGION_LABEL}" if there else "Azure named no region"
    return condition(MISMATCH, None, AzureState.REGION_UNKNOWN, missing)


def _region_of(node: Manifest) -> str:
    return str((node["metadata"].get("labels") or {}).get(REGION_LABEL) or "")


def _plain(region: str) -> str:
    """Return the region's name as nodes have it: Azure says `West Europe` in places."""
    return region.replace(" ", "").lower()
