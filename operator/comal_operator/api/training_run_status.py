"""What a TrainingRun's status remembers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from comal_operator.api.meta import BY_NAME, ApiType, Conditions, DnsLabel, Timestamp


class StepStatus(ApiType):
    """What became of one step."""

    name: DnsLabel
    """The step's name."""
    state: Literal["Pending", "Running", "Succeeded", "Failed", "Stopped"]
    """Pending, Running, Succeeded, Failed, or Stopped because another step failed."""
    job: Annotated[str, Field(max_length=63)] | None = None
    """The step's Job."""
    start_time: Timestamp | None = None
    """When the Job was started."""
    completion_time: Timestamp | None = None
    """When the Job ended."""
    exit_code: int | None = None
    """Exit code of a failed step's container."""
    log_tail: Annotated[str, Field(max_length=4096)] | None = None
    """The last lines that a failed step logged."""


class BaselineStatus(ApiType):
    """The registered version that the candidate was compared with."""

    version: Annotated[str, Field(max_length=63)]
    """Name of that ModelVersion."""
    value: Annotated[str, Field(max_length=64)]
    """Its value of the metric."""


class GateStatus(ApiType):
    """How the gate decided, with both numbers."""

    decision: Literal["Pending", "Passed", "Rejected"]
    """Pending until the metrics are there; what the column GATE shows."""
    candidate: Annotated[str, Field(max_length=64)] | None = None
    """This run's value of the metric."""
    baseline: BaselineStatus | None = None
    """What it was compared with; none for the first model."""


class TrainingRunStatus(ApiType):
    """How far the run is. Written by the operator; what ended is remembered here for good."""

    observed_generation: int = -1
    """Generation of the spec that this status is about; -1 until the operator has looked."""
    start_time: Timestamp | None = None
    """When the operator first saw the run."""
    completion_time: Timestamp | None = None
    """When the run ended."""
    active_step: Annotated[str, Field(max_length=63)] | None = None
    """The step that runs now; collect, convert and register are the operator's own."""
    metric: Annotated[str, Field(max_length=128)] | None = None
    """The deciding metric as text, such as mse=3295.71."""
    metrics: (
        Annotated[dict[str, Annotated[str, Field(max_length=64)]], Field(max_length=64)] | None
    ) = None
    """Everything in metrics.json, as decimal strings."""
    steps: Annotated[tuple[StepStatus, ...], Field(max_length=32, json_schema_extra=BY_NAME)] = ()
    """What became of each step."""
    gate: GateStatus | None = None
    """How the gate decided."""
    model_version: Annotated[str, Field(max_length=63)] | None = None
    """Name of the ModelVersion that this run registered."""
    conditions: Conditions = ()
    """Ready, Reconciling, Stalled, Complete, Failed, GatePassed, Registered; see
    docs/conditions.md.
    """
