"""ModelDeployment: an endpoint that serves one model and changes it without losing an answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from comal_operator.api.access import Access, access_rules
from comal_operator.api.data_collection import DataCollection, collection_rules
from comal_operator.api.limits import Limits, limit_rules
from comal_operator.api.meta import (
    AGE,
    BY_NAME,
    MESSAGE,
    STATE,
    ApiType,
    Column,
    Image,
    Kind,
    rules,
)
from comal_operator.api.model_choice import ModelChoice
from comal_operator.api.model_deployment_status import ModelDeploymentStatus
from comal_operator.api.predictor import Predictor
from comal_operator.api.rollout import Rollout
from comal_operator.api.rollout_analysis import answer_rules
from comal_operator.api.scaling import Autoscaling, scaling_rules, subresource_scale
from comal_operator.api.telemetry import Telemetry
from comal_operator.api.traffic import Traffic
from comal_operator.api.variant import Variant, variant_rules


class ModelDeploymentSpec(ApiType):
    """The model to serve and how. Promotions and rollbacks never change it."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            *scaling_rules(),
            *access_rules(),
            *collection_rules(),
            *variant_rules(),
            *answer_rules(),
            *limit_rules(),
        )
    )

    model: ModelChoice
    """Which registered version is served."""
    image: Image | None = None
    """Image of the inference server; when left out the operator's own, pinned for each revision."""
    predictor: Predictor = Predictor()
    """How the scoring Pods run."""
    replicas: Annotated[int, Field(ge=1, le=100)] | None = None
    """Scoring Pods of each revision that serves; 2 when left out. Not with autoscaling, which is
    why it has no default of the schema's.
    """
    autoscaling: Autoscaling | None = None
    """Let a HorizontalPodAutoscaler for each revision choose the number of its Pods."""
    limits: Limits = Limits()
    """What one request may take."""
    access: Access = Access()
    """Who may call, and how."""
    traffic: Traffic = Traffic()
    """How requests find a revision, and which of them are sent a second time."""
    variants: Annotated[tuple[Variant, ...], Field(max_length=8, json_schema_extra=BY_NAME)] = ()
    """Other versions that serve beside spec.model for long, each with a share of its own."""
    rollout: Rollout = Rollout()
    """How a new revision takes over."""
    data_collection: DataCollection | None = None
    """Keep inputs and predictions on a volume."""
    telemetry: Telemetry | None = None
    """Send a span of each request from the routers and from the scoring Pods."""
    suspend: bool = False
    """Stop answering: callers are told 503 at once, but for those who name a revision or a variant.
    Pods and shares stay, and a rollout waits, though its deadline does not.
    """
    revision_history_limit: Annotated[int, Field(ge=0, le=20)] = 5
    """Former revisions that are kept, without Pods."""


class ModelDeployment(ApiType):
    """An endpoint: one desired model in spec, the revisions that serve it in status."""

    spec: ModelDeploymentSpec
    """The model to serve and how."""
    status: ModelDeploymentStatus = ModelDeploymentStatus()
    """What serves now and how far a rollout is."""


MODEL_DEPLOYMENT = Kind(
    type=ModelDeployment,
    plural="modeldeployments",
    short_name="mdep",
    columns=(
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        STATE,
        Column("Stable", ".status.stable.modelVersion"),
        Column("Candidate", ".status.candidate.modelVersion"),
        Column("Weight", ".status.weight"),
        Column("Step", ".status.step"),
        AGE,
        Column("Url", ".status.url", wide=True),
        MESSAGE,
    ),
    scale=subresource_scale(),
)
