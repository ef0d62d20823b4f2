"""What a decision about a TrainingRun looks at."""

from __future__ import annotations

from collections.abc import Sequence

from comal_operator.core.names import LABEL_SWEEP, LABEL_TRAINING_RUN
from comal_operator.core.plan import Manifest, Relevant
from comal_operator.core.training.sweep_trial import sweep_name


def _named(run: Manifest) -> Sequence[tuple[str, str]]:
    """Return the user's own claim, which carries no label of ours, and a starting trial's sweep."""
    claim = run["spec"].get("workspace", {}).get("existingClaim")
    named = [("PersistentVolumeClaim", claim)] if claim else []
    pinned = (run.get("status") or {}).get("trainerImage")
    sweep = None if pinned else sweep_name(run)
    return [*named, ("TrainingRun", sweep)] if sweep else named


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
    by_name=_named,
)
