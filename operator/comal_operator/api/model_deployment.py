"""ModelDeployment: an endpoint that serves one model and changes it without losing an answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import (
    AGE,
    MESSAGE,
    STATE,
    ApiType,
    Column,
    Digest,
    Duration,
    Image,
    Kind,
    ModelName,
    ObjectName,
    Percent,
    rule,
    rules,
)
from comal_operator.api.model_deployment_status import ModelDeploymentStatus
from comal_operator.api.model_version import Version
from comal_operator.api.predictor import Predictor
from comal_operator.api.training_run import Alias

_CHOICES = "[has(self.version), has(self.alias), has(self.latest), has(self.trainingRun)]"


class ModelChoice(ApiType):
    """Which registered version is served."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"{_CHOICES}.filter(x, x).size() == 1",
                "model must have exactly one of version, alias, latest and trainingRun:"
                ' keep one of them, for example version: "2" or latest: true',
            ),
            rule(
                "!has(self.autoUpdate) || has(self.alias) || has(self.latest)",
                "model.autoUpdate goes with alias or latest, whose version can change:"
                " remove autoUpdate, or name the model by alias or latest",
            ),
        )
    )

    name: ModelName
    """Name of the model, as TrainingRuns register it."""
    version: Version | None = None
    """Number of the version."""
    alias: Alias | None = None
    """The version that has this alias."""
    latest: Literal[True] | None = None
    """The version with the highest number."""
    training_run: ObjectName | None = None
    """The version that this TrainingRun of the namespace registers; waited for."""
    digest: Digest | None = None
    """Digest that the version must have: nothing but what was reviewed is served."""
    auto_update: bool | None = None
    """With alias or latest: follow it to newer versions, each by a rollout; true when left out.

    false keeps the version that was found first.
    """


class Limits(ApiType):
    """What one request may take."""

    timeout: Annotated[
        Duration,
        Field(
            json_schema_extra=rules(
                rule(
                    "duration(self) >= duration('100ms') && duration(self) <= duration('10m')",
                    "limits.timeout must be from 100ms to 10m:"
                    " choose what your slowest request needs",
                )
            )
        ),
    ] = "30s"
    """How long a caller waits for an answer, repeats included, before the router says 504."""


class RolloutStep(ApiType):
    """One share of the traffic, for a time."""

    percent: Percent
    """Share of all requests that the candidate gets; exact, whatever the numbers of Pods."""
    for_: Annotated[Duration, Field(alias="for")] = "0s"
    """How long the share is held once every router has it; then comes the next step."""


_HOURS = "duration(self) <= duration('720h')"


class Rollout(ApiType):
    """How a new revision takes over."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.steps) || self.steps.size() == 0 || self.steps.map(s,"
                " duration(s.__for__)).sum() < duration(self.deadline)",
                "rollout.deadline must be longer than all rollout.steps[].for together:"
                " raise deadline or shorten the steps",
            )
        )
    )

    steps: Annotated[
        tuple[RolloutStep, ...],
        Field(
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "atomic"}
            | rules(
                rule(
                    "self.map(s, double(s.percent)).isSorted() && self.all(s, self.exists_one(t,"
                    " double(t.percent) == double(s.percent)))",
                    "rollout.steps[].percent must rise from step to step:"
                    " put the steps in order and remove what stands twice",
                )
            ),
        ),
    ] = ()
    """Shares on the way to 100, which comes by itself after the last step.

    Without steps a candidate takes over as soon as it is available.
    """
    drain: Annotated[
        Duration,
        Field(
            json_schema_extra=rules(
                rule(
                    "duration(self) <= duration('1h')",
                    "rollout.drain must be at most 1h: it only covers requests under way",
                )
            )
        ),
    ] = "15s"
    """How long a revision keeps its Pods for requests under way, once every router left it."""
    bake: Annotated[
        Duration,
        Field(
            json_schema_extra=rules(rule(_HOURS, "rollout.bake must be at most 720h: choose less"))
        ),
    ] = "30m"
    """How long the former revision stays warm after a promotion: going back is instant."""
    deadline: Annotated[
        Duration,
        Field(
            json_schema_extra=rules(
                rule(_HOURS, "rollout.deadline must be at most 720h: choose less")
            )
        ),
    ] = "2h"
    """How long a candidate may take from its start to 100 percent before it is rolled back."""


class ModelDeploymentSpec(ApiType):
    """The model to serve and how. Promotions and rollbacks never change it."""

    model: ModelChoice
    """Which registered version is served."""
    image: Image | None = None
    """Image of the inference server; when left out the operator's own, pinned for each revision."""
    predictor: Predictor = Predictor()
    """How the scoring Pods run."""
    replicas: Annotated[int, Field(ge=1, le=100)] = 2
    """Scoring Pods of each revision that serves."""
    limits: Limits = Limits()
    """What one request may take."""
    rollout: Rollout = Rollout()
    """How a new revision takes over."""
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
)
