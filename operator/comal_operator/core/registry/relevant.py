"""What decisions about ModelRegistries and ModelVersions look at."""

from __future__ import annotations

from comal_operator.core.names import LABEL_MODEL, LABEL_MODEL_REGISTRY
from comal_operator.core.plan import Relevant

MODEL_REGISTRY = Relevant(
    label=LABEL_MODEL_REGISTRY,
    by_label=(
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        # Its own, and the register Jobs' that mount its Secret: only they show that it is gone.
        "Pod",
        "Service",
        "ServiceAccount",
    ),
    whole_namespace=("ModelVersion",),
)

MODEL_VERSION = Relevant(
    label=LABEL_MODEL,
    by_label=(),
    # An alias belongs to one version of a model, and the bytes are as ready as their registry.
    whole_namespace=("ModelRegistry", "ModelVersion"),
)
