"""What a node that is drained may take down at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comal_operator.core.children import child_metadata
from comal_operator.core.plan import Manifest
from comal_operator.core.serving.labels import revision_labels, revision_selector
from comal_operator.core.serving.revision import child_of_revision

POD_DISRUPTION_BUDGET = "PodDisruptionBudget"


def one_at_a_time(metadata: dict[str, Any], selector: Mapping[str, str]) -> Manifest:
    """Return the rule that a drained node takes one of these Pods at a time.

    Never by minAvailable, with which an endpoint of one Pod would hold up a node for ever; and Pods
    that do not answer may always go, or a candidate that crashes would hold it up as well.
    """
    return {
        "apiVersion": "policy/v1",
        "kind": POD_DISRUPTION_BUDGET,
        "metadata": metadata,
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": dict(selector)},
        },
    }


def revision_budget(mdep: Manifest, revision: str) -> Manifest:
    """Return the budget of one revision's Pods; another one's trouble never uses it up."""
    name = child_of_revision(mdep, revision)
    metadata = child_metadata(mdep, name, revision_labels(mdep, revision))
    return one_at_a_time(metadata, revision_selector(mdep, revision))
