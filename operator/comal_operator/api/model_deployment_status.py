"""What a ModelDeployment's status shows, and what it remembers between two looks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from comal_operator.api.azure_ml import AzureImport
from comal_operator.api.meta import ApiType, Conditions, Digest, Timestamp
from comal_operator.api.rollout_status import (
    AnalysisStatus,
    HandledRequest,
    Hold,
    RevisionName,
    SmokeStatus,
)

VersionName = Annotated[str, Field(max_length=63)]
Share = Annotated[str, Field(max_length=8)]


class ResolvedModel(ApiType):
    """What `spec.model` was found to mean."""

    requested: Annotated[str, Field(max_length=400)]
    """The choice that was resolved, such as diabetes/latest."""
    model_version: VersionName
    """Name of the ModelVersion."""
    digest: Digest
    """Its digest."""


class RevisionStatus(ApiType):
    """One revision: a model version with an image and a predictor."""

    revision: RevisionName
    """Hash of model digest, image and predictor; part of its children's names."""
    model_version: VersionName
    """Name of its ModelVersion."""
    digest: Digest
    """Digest of its model."""
    image: Annotated[str, Field(max_length=512)] | None = None
    """The image of its Pods by digest, where the endpoint has one of its own."""
    ready: Annotated[str, Field(max_length=16)] | None = None
    """Ready Pods of wanted Pods."""
    since: Timestamp | None = None
    """When it took this role; remembered for startupTimeout, deadline and bake."""
    warm: bool | None = None
    """Of a candidate: it served until a moment ago, so it takes over without steps. Remembered."""
    expedited: bool | None = None
    """Of a candidate: somebody asked to promote it past the remaining steps. Remembered."""


class VariantStatus(ApiType):
    """One of spec.variants, or one that is on its way out."""

    name: Annotated[str, Field(max_length=40)]
    """Its name."""
    percent: Share = "0"
    """Share that it shall have now; what the spec says follows when its Pods answer. Remembered."""
    resolved: ResolvedModel | None = None
    """What its model was found to mean; remembered for autoUpdate: false."""
    serving: RevisionStatus | None = None
    """The revision that has its share."""
    following: RevisionStatus | None = None
    """The revision that takes its share over when all its Pods answer."""
    announced: bool | None = None
    """Whether routers are told of the one that follows. Remembered."""


class RevisionTraffic(ApiType):
    """Where requests go."""

    revision: RevisionName
    """The revision."""
    variant: Annotated[str, Field(max_length=40)] | None = None
    """The variant that it is of; none: of spec.model."""
    percent: Share | None = None
    """Share that it shall have; 0 stands by in case the others die; none: it leaves."""
    acknowledged_percent: Share | None = None
    """Share that every router has said it runs; none: no router knows the revision. Remembered."""
    observed_percent: Share | None = None
    """Share of the present step's requests that it got, by the routers' own counters.

    Reckoned again each time that their number has doubled, while a candidate has a share.
    """
    observed_requests: Annotated[int, Field(ge=0)] | None = None
    """How many requests that was; remembered."""


class DrainingRevision(ApiType):
    """A revision that has left the traffic and will lose its Pods."""

    revision: RevisionName
    """The revision."""
    since: Timestamp | None = None
    """When every router had left it; remembered for rollout.drain."""


class RejectedRevision(ApiType):
    """A revision that was rolled back; it is never tried again by itself."""

    revision: RevisionName
    """The revision."""
    model_version: VersionName
    """Name of its ModelVersion."""
    reason: Annotated[str, Field(max_length=64)]
    """Why, as one word."""
    message: Annotated[str, Field(max_length=3072)] = ""
    """Why, as a sentence; of a crash with the end of its log, as long as it is the newest."""
    at: Timestamp
    """When."""


class ModelDeploymentStatus(ApiType):
    """What serves now and how far a rollout is."""

    observed_generation: int = -1
    """Generation of the spec that this status is about; -1 until the operator has looked."""
    url: Annotated[str, Field(max_length=256)] | None = None
    """Where to POST requests from inside the cluster."""
    keys_secret: Annotated[str, Field(max_length=253)] | None = None
    """The Secret with the keys of callers; none where callers need none."""
    resolved: ResolvedModel | None = None
    """What `spec.model` was found to mean; remembered for autoUpdate: false."""
    model_import: AzureImport | None = None
    """How far the import of spec.model.uri is. Remembered."""
    stable: RevisionStatus | None = None
    """The revision that serves."""
    candidate: RevisionStatus | None = None
    """The revision that is to take over."""
    previous: RevisionStatus | None = None
    """The former stable revision while it bakes: warm, without a share, ready to take over."""
    variants: Annotated[tuple[VariantStatus, ...], Field(max_length=32)] = ()
    """What serves beside them, by name."""
    step: Annotated[str, Field(max_length=8)] | None = None
    """Step of the rollout, such as 2/3."""
    suspended: bool | None = None
    """Whether nobody is answered, as spec.suspend wants it; remembered: what routers run follows
    it.
    """
    weight: Share | None = None
    """Share of the candidate in percent of what variants leave. Remembered: what routers run
    follows it.
    """
    step_since: Timestamp | None = None
    """When every router had that share; remembered for steps[].for."""
    shadow: Share | None = None
    """Share of all requests that the candidate gets a copy of; remembered."""
    approved: bool | None = None
    """Whether somebody has approved the step that the candidate is at; remembered."""
    hold: Hold | None = None
    """Why the candidate rises no further until a person says so; remembered."""
    smoke: SmokeStatus | None = None
    """How the candidate's smoke test ended; remembered, so that it runs once."""
    analysis: AnalysisStatus | None = None
    """The numbers of the last decision about the candidate."""
    last_handled_request: Annotated[str, Field(max_length=128)] | None = None
    """The newest request that was heard, whether it was carried out or refused."""
    requests: Annotated[tuple[HandledRequest, ...], Field(max_length=8)] = ()
    """Requests that were heard, newest first; remembered, so that none is heard twice."""
    traffic: Annotated[tuple[RevisionTraffic, ...], Field(max_length=32)] = ()
    """Where requests go: what shall be and what every router has said it runs."""
    draining: Annotated[tuple[DrainingRevision, ...], Field(max_length=32)] = ()
    """Revisions on their way out."""
    rejected: Annotated[tuple[RejectedRevision, ...], Field(max_length=10)] = ()
    """Revisions that were rolled back, newest first; remembered so that none is tried twice."""
    replicas: int | None = None
    """Scoring Pods of the stable revision, as `/scale` shows them."""
    selector: Annotated[str, Field(max_length=256)] | None = None
    """What selects those Pods, for autoscalers of others."""
    conditions: Conditions = ()
    """Ready, Reconciling, Stalled, Available, ModelResolved, RouteReady, AnalysisHealthy,
    ScalingActive, UpdateAvailable; see docs/conditions.md.
    """
