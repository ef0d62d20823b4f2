"""How a step is tried again, limited, resumed, spread over workers and reused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import UNIQUE, ApiType, Duration, remedy, rule, rules

RelativePath = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        pattern=r"^[A-Za-z0-9_][-.A-Za-z0-9_]*(/[A-Za-z0-9_][-.A-Za-z0-9_]*)*/?$",
        json_schema_extra=remedy(
            "must be a path inside the workspace such as model/ or outputs/table.csv,"
            " without a leading slash or .."
        ),
    ),
]


def _from_a_second(field: str) -> dict[str, object]:
    return rules(
        rule(
            "duration(self) >= duration('1s') && duration(self) <= duration('720h')",
            f"{field} must be from 1s to 720h: choose a longer or shorter time",
        )
    )


class Retry(ApiType):
    """Two budgets: what the step does wrong, and what happens to it."""

    failures: Annotated[int, Field(ge=0, le=20)] = 0
    """How often the step is tried again after its container failed."""
    fatal_exit_codes: Annotated[
        tuple[Annotated[int, Field(ge=1, le=255)], ...],
        Field(max_length=16, json_schema_extra=UNIQUE),
    ] = (64, 65)
    """Exit codes after which no other attempt is made: wrong usage and wrong data by default."""
    interruptions: Annotated[int, Field(ge=0, le=1000)] = 20
    """How often the step is started again after its node was lost or its Pod was evicted or
    preempted; these do not count as failures.
    """


class Timeouts(ApiType):
    """How long an attempt of the step may take; no limit where a field is left out."""

    pending: Annotated[Duration, Field(json_schema_extra=_from_a_second("pending"))] | None = None
    """How long its Pods may wait for a node, a volume or an image; then the run fails with what
    the scheduler or the kubelet says.
    """
    running: Annotated[Duration, Field(json_schema_extra=_from_a_second("running"))] | None = None
    """How long it may run; then the attempt is stopped and counts as a failure."""
    stall: Annotated[Duration, Field(json_schema_extra=_from_a_second("stall"))] | None = None
    """How long it may neither report progress nor log a line; then the attempt is stopped and
    counts as a failure.
    """


class Progress(ApiType):
    """How the operator hears how far the step is."""

    from_: Annotated[Literal["Post", "File"], Field(alias="from")]
    """Post: the step calls the operator, as COMAL_PROGRESS_URL and the step contract say. File: the
    step writes .comal/progress/<step>.json or .comal/metrics/<step>.jsonl on the workspace, and a
    small container beside it posts what is new, within seconds; for images that have no client.
    """


class Checkpoint(ApiType):
    """Where the step saves its state, so that the next attempt goes on instead of starting over."""

    path: RelativePath
    """Folder in the workspace; COMAL_CHECKPOINT_DIR in the step. It outlives the attempt."""
    grace_seconds: Annotated[int, Field(ge=1, le=600)] = 25
    """How long the step may take to save after SIGTERM; a spot node gives 30 seconds at most."""


class Distributed(ApiType):
    """Several Pods that train one model together: all of them run, or none."""

    framework: Literal["TensorFlow", "PyTorch"]
    """What the workers are told: TensorFlow gets TF_CONFIG, PyTorch the variables of torchrun."""
    workers: Annotated[int, Field(ge=2, le=64)]
    """Number of Pods; each gets the step's resources."""


class CachePolicy(ApiType):
    """Whether an earlier step with the same image, arguments, parameters and inputs is used."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.maxAge) || self.mode != 'Never'",
                "cache has maxAge although its mode is Never: remove maxAge or choose mode Auto",
            )
        )
    )

    mode: Literal["Auto", "Never", "Refresh"] = "Auto"
    """Auto uses an entry where there is one; Refresh runs the step and replaces the entry; Never
    neither reads nor writes one.
    """
    version: Annotated[str, Field(max_length=64)] = "1"
    """Part of the key: another version never meets the old entries."""
    max_age: Annotated[Duration, Field(json_schema_extra=_from_a_second("maxAge"))] | None = None
    """How old an entry may be; any age when left out."""
