"""What a decision about a ModelDeployment looks at."""

from __future__ import annotations

from comal_operator.core.names import LABEL_MODEL_DEPLOYMENT
from comal_operator.core.plan import Relevant

# Not its Secret: the operator may write Secrets and read none. What was written into the router's
# is remembered by an annotation of the router's Deployment.
RELEVANT = Relevant(
    label=LABEL_MODEL_DEPLOYMENT,
    by_label=(
        "ControllerRevision",
        "Deployment",
        # The revisions' endpoints: their controller copies the labels of our Services.
        "EndpointSlice",
        "HTTPRoute",
        "HorizontalPodAutoscaler",
        "Ingress",
        "Job",
        "NetworkPolicy",
        "Pod",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    ),
    whole_namespace=("ModelRegistry", "ModelVersion", "TrainingRun"),
)
