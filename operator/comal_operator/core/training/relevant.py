"""What a decision about a TrainingRun looks at."""

from __future__ import annotations

from collections.abc import Sequence

from comal_operator.core.names import LABEL_SWEEP, LABEL_TRAINING_RUN
from comal_operator.core.plan import Manifest, Relevant


def _existing_claim(run: Manifest) -> Sequence[tuple[str, str]]:
    """Return the claim that the user made: it carries no label of ours."""
    claim = run["spec"].get("workspace", {}).get("existingClaim")
    return [("PersistentVolumeClaim", claim)] if claim else []


def _looked_up(run: Manifest) -> Sequence[str]:
    """Return endpoints for a gate that compares with what they serve, runs for a sweep."""
    gate = run["spec"].get("gate") or {}
    deployed = (gate.get("baseline") or {}).get("select") == "Deployed"
    endpoints = ("ModelDeployment",) if deployed else ()
    return (*endpoints, "TrainingRun") if run["spec"].get("sweep") else endpoints


RELEVANT = Relevant(
    label=LABEL_TRAINING_RUN,
    by_label=(
        "ConfigMap",
        "Job",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "Pod",
        "Service",
        "ServiceAccount",
    ),
    nodes=True,
    # The gate's baseline and the next number need every version; a registry is waited for.
    whole_namespace=("ModelRegistry", "ModelVersion"),
    looked_up=_looked_up,
    wakes_by=LABEL_SWEEP,
    by_name=_existing_claim,
)
