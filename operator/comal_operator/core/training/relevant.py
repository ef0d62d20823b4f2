"""What a decision about a TrainingRun looks at."""

from __future__ import annotations

from collections.abc import Sequence

from comal_operator.core.names import LABEL_TRAINING_RUN
from comal_operator.core.plan import Manifest, Relevant


def _existing_claim(run: Manifest) -> Sequence[tuple[str, str]]:
    """Return the claim that the user made: it carries no label of ours."""
    claim = run["spec"].get("workspace", {}).get("existingClaim")
    return [("PersistentVolumeClaim", claim)] if claim else []


RELEVANT = Relevant(
    label=LABEL_TRAINING_RUN,
    by_label=(
        "ConfigMap",
        "Job",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "Pod",
        "ServiceAccount",
    ),
    # The gate's baseline and the next number need every version; a registry is waited for.
    whole_namespace=("ModelRegistry", "ModelVersion"),
    by_name=_existing_claim,
)
