"""What a TrainingRun's status remembers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from comal_operator.api.image_status import ImageStatus
from comal_operator.api.meta import BY_NAME, ApiType, Conditions, DnsLabel, Timestamp


class StepStatus(ApiType):
    """What became of one step."""

    name: DnsLabel
    """The step's name."""
    state: Literal["Pending", "Running", "Succeeded", "Cached", "Failed", "Stopped"]
    """Pending, Running, Succeeded, Cached (an equal step's outputs are used), Failed, or Stopped
    because another step failed.
    """
    job: Annotated[str, Field(max_length=63)] | None = None
    """The Job of the newest attempt."""
    attempts: int | None = None
    """Number of the newest attempt; counted from 1, failures and interruptions alike."""
    failures: int | None = None
    """Attempts that failed."""
    interruptions: int | None = None
    """Attempts that ended because their node was lost or their Pod was evicted or preempted."""
    repeats: int | None = None
    """How often it was run again after it had succeeded, because another version became the one
    to beat.
    """
    start_time: Timestamp | None = None
    """When the newest attempt's Job was started."""
    completion_time: Timestamp | None = None
    """When the newest attempt ended."""
    exit_code: int | None = None
    """Exit code of the container in the last attempt that failed."""
    node: Annotated[str, Field(max_length=253)] | None = None
    """The node that the newest attempt runs or ran on."""
    resumed_from: Annotated[str, Field(max_length=128)] | None = None
    """What the newest attempt went on from, as the step reports it, such as step 8200."""
    outputs_digest: Annotated[str, Field(max_length=71)] | None = None
    """One sha256 over its declared outputs, made by this run or taken from the cache."""
    cached_from: Annotated[str, Field(max_length=63)] | None = None
    """The run whose outputs are used."""
    not_cached: Annotated[str, Field(max_length=256)] | None = None
    """Why its outputs are not kept for other runs, although the step asks for it."""
    image: Annotated[str, Field(max_length=600)] | None = None
    """The image that ran last, or is to run: by digest where its registry or the node's runtime
    tells it; later attempts, and later steps that name the same tag, have it too.
    """
    reason: Annotated[str, Field(max_length=64)] | None = None
    """Why the last attempt that did not succeed ended, such as StepFailed or NodeLost."""
    message: Annotated[str, Field(max_length=1024)] | None = None
    """How it ended, in words: its exit code, or what the scheduler or the kubelet says."""
    log_tail: Annotated[str, Field(max_length=4096)] | None = None
    """The last lines that the last failed attempt logged."""


class ProgressStatus(ApiType):
    """How far the run is, as its running steps report it."""

    text: Annotated[str, Field(max_length=32)] | None = None
    """What the column PROGRESS shows, such as 45% or 45% 31m."""
    percent: int | None = None
    """Share of the whole run that is done, 0 to 100."""
    eta_seconds: int | None = None
    """Seconds that the running step still needs, by its own word or by its pace."""
    epoch: Annotated[str, Field(max_length=32)] | None = None
    """The running step's epoch, such as 9/20."""
    heartbeat: Timestamp | None = None
    """When the running step reported last."""


class BaselineStatus(ApiType):
    """The registered version that the candidate was compared with."""

    version: Annotated[str, Field(max_length=63)]
    """Name of that ModelVersion."""
    value: Annotated[str, Field(max_length=64)] | None = None
    """Its value of the metric; none until it is known."""
    measure: Literal["SameData", "Recorded"] | None = None
    """Whether the value was measured on this run's data or recorded when it was registered."""


class ComparisonRow(ApiType):
    """One metric beside the baseline's, and whether it was accepted."""

    metric: Annotated[str, Field(max_length=63)]
    """The metric."""
    candidate: Annotated[str, Field(max_length=64)] | None = None
    """This run's value."""
    baseline: Annotated[str, Field(max_length=64)] | None = None
    """The baseline's value."""
    rule: Annotated[str, Field(max_length=128)]
    """What was asked of it, such as lower by more than 0 or at most 40."""
    passed: bool
    """Whether it held."""


class GateStatus(ApiType):
    """How the gate decided, with both numbers."""

    decision: Literal["Pending", "Passed", "Rejected"]
    """Pending until the metrics are there; what the column GATE shows."""
    candidate: Annotated[str, Field(max_length=64)] | None = None
    """This run's value of the metric."""
    baseline: BaselineStatus | None = None
    """What it was compared with; none for the first model."""
    measured: Annotated[str, Field(max_length=63)] | None = None
    """Name of the ModelVersion that the steps with role Evaluate measure, with SameData."""
    evaluations: int | None = None
    """How often the steps with role Evaluate were started for this comparison, with SameData: once
    more each time that another version became the one to beat.
    """
    comparison: Annotated[tuple[ComparisonRow, ...], Field(max_length=80)] = ()
    """Every rule of the gate with both numbers."""


class ReportedValue(ApiType):
    """One value of the objective that a trial reported while it ran."""

    at: int
    """The epoch, or the percent of the run where no epoch is told."""
    value: Annotated[str, Field(max_length=64)]
    """The value."""


class TrialStatus(ApiType):
    """One trial of a sweep."""

    number: int
    """Its number, from 0."""
    run: Annotated[str, Field(max_length=63)]
    """The TrainingRun that tries it."""
    parameters: Annotated[dict[str, Annotated[str, Field(max_length=256)]], Field(max_length=16)]
    """The values that it tries."""
    state: Literal["Pending", "Running", "Succeeded", "Pruned", "Failed"]
    """How far it is; Pruned was stopped because it would not have become the best."""
    value: Annotated[str, Field(max_length=64)] | None = None
    """Its value of the objective."""
    reported: Annotated[tuple[ReportedValue, ...], Field(max_length=32)] = ()
    """What it reported of the objective while it ran, for the pruner."""
    message: Annotated[str, Field(max_length=256)] | None = None
    """Why it failed or was stopped."""


class SweepStatus(ApiType):
    """How far the sweep is."""

    trials: Annotated[
        tuple[TrialStatus, ...],
        Field(
            max_length=256,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["number"],
            },
        ),
    ] = ()
    """Its trials."""
    best: int | None = None
    """Number of the best trial so far."""
    workspace: Annotated[str, Field(max_length=253)] | None = None
    """The best trial's claim, once all trials are over: its model goes on to the gate."""


class DataStatus(ApiType):
    """What one data source turned out to be."""

    name: DnsLabel
    """The data source."""
    digest: Annotated[str, Field(max_length=71)]
    """Its sha256."""
    size: int | None = None
    """Its bytes."""
    rows: int | None = None
    """Its rows, where it is a table."""


class TrainingRunStatus(ApiType):
    """How far the run is. Written by the operator; what ended is remembered here for good."""

    observed_generation: int = -1
    """Generation of the spec that this status is about; -1 until the operator has looked."""
    start_time: Timestamp | None = None
    """When the operator first saw the run."""
    completion_time: Timestamp | None = None
    """When the run ended."""
    trainer_image: Annotated[str, Field(max_length=600)] | None = None
    """The operator's trainer image as it was at the run's start: that of every step which names
    none, whatever operator follows.
    """
    active_step: Annotated[str, Field(max_length=63)] | None = None
    """The step that runs now; collect, convert and register are the operator's own."""
    metric: Annotated[str, Field(max_length=128)] | None = None
    """The deciding metric as text, such as mse=3295.71."""
    metrics: (
        Annotated[dict[str, Annotated[str, Field(max_length=64)]], Field(max_length=64)] | None
    ) = None
    """The newest value of each metric, as decimal strings: while steps run what they report, at the
    end all of metrics.json.
    """
    steps: Annotated[tuple[StepStatus, ...], Field(max_length=32, json_schema_extra=BY_NAME)] = ()
    """What became of each step."""
    interruptions: int | None = None
    """Interruptions of all steps together."""
    progress: ProgressStatus | None = None
    """How far the run is, as its running steps report it."""
    images: Annotated[tuple[ImageStatus, ...], Field(max_length=32, json_schema_extra=BY_NAME)] = ()
    """What the tags of the run's images named when it began."""
    data: Annotated[tuple[DataStatus, ...], Field(max_length=16, json_schema_extra=BY_NAME)] = ()
    """What the data sources turned out to be."""
    sweep: SweepStatus | None = None
    """How far the sweep is."""
    gate: GateStatus | None = None
    """How the gate decided."""
    model_version: Annotated[str, Field(max_length=63)] | None = None
    """Name of the ModelVersion that this run registered."""
    conditions: Conditions = ()
    """Ready, Reconciling, Stalled, Complete, Failed, Suspended, GatePassed, Registered, Notified;
    see docs/conditions.md.
    """
