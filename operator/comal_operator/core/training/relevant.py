"""What a decision about a TrainingRun looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from comal_operator.core.conditions import is_true
from comal_operator.core.names import LABEL_SWEEP, LABEL_TRAINING_RUN
from comal_operator.core.plan import Manifest, Relevant
from comal_operator.core.training.sweep_trial import sweep_name


def _named(run: Manifest) -> Sequence[tuple[str, str]]:
    """Return the user's own claim and account, which carry no label of ours, and a trial's sweep.

    The account, for its pull secrets, only while a tag is to be resolved; the sweep until what all
    trials have in common is known.
    """
    spec, status = run["spec"], run.get("status") or {}
    claim, account = spec.get("workspace", {}).get("existingClaim"), spec.get("serviceAccountName")
    named = [("PersistentVolumeClaim", claim)] if claim else []
    asks = _has_tags(spec) and not status.get("images")
    if account and asks and not _has_ended(status):
        named.append(("ServiceAccount", account))
    sweep = None if status.get("trainerImage") and not asks else sweep_name(run)
    return [*named, ("TrainingRun", sweep)] if sweep else named


def _has_tags(spec: Mapping[str, Any]) -> bool:
    named = [spec.get("image"), *(step.get("image") for step in spec.get("steps") or ())]
    return any(image and "@" not in image for image in named)


def _has_ended(status: Mapping[str, Any]) -> bool:
    found = status.get("conditions")
    return is_true(found, "Complete") or is_true(found, "Failed")


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
