"""What decisions about ModelRegistries and ModelVersions look at."""

from __future__ import annotations

from comal_operator.core.names import LABEL_MODEL_REGISTRY, LABEL_MODEL_VERSION
from comal_operator.core.plan import Relevant

MODEL_REGISTRY = Relevant(
    label=LABEL_MODEL_REGISTRY,
    by_label=(
        "ConfigMap",
        "Deployment",
        # Those that look for a workspace of Azure ML.
        "Job",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        # Its own, and the register Jobs' that mount its Secret: only they show that it is gone.
        "Pod",
        "Service",
        "ServiceAccount",
    ),
    whole_namespace=("ModelVersion",),
    # Where in the world the registry is.
    nodes=True,
)

MODEL_VERSION = Relevant(
    label=LABEL_MODEL_VERSION,
    # Those that record it in Azure ML.
    by_label=("Job", "Pod"),
    # An alias belongs to one version of a model, and the bytes are as ready as their registry.
    whole_namespace=("ModelRegistry", "ModelVersion"),
)
