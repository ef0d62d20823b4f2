"""Attempts at a step: one Job each, two budgets, and what follows the end of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from comal_operator.api.training_run_status import StepStatus
from comal_operator.api.training_step import Step
from comal_operator.core.conditions import parse_timestamp
from comal_operator.core.names import LABEL_ATTEMPT
from comal_operator.core.plan import Manifest, Seen
from comal_operator.core.reasons import InterruptionReason, RunReason
from comal_operator.core.training.look import Look
from comal_operator.core.training.objects import CONTAINER
from comal_operator.core.training.parts import JobParts
from comal_trainer.contract.step_environment import ATTEMPT_ENV

# How long a failed step rests before its next attempt: doubled each time, up to the longest.
_FIRST_REST = timedelta(seconds=10)
_LONGEST_REST = timedelta(minutes=5)
_MESSAGE_LIMIT = 600
TAIL_LIMIT = 2000


@dataclass(frozen=True)
class AttemptEnd:
    """How an attempt ended that did not succeed."""

    cause: Literal["Failure", "Fatal", "Interruption"]
    """Which budget it takes from; after a fatal end there is no other attempt."""
    reason: RunReason | InterruptionReason
    message: str
    """What follows the step's name in a sentence, such as `exited with code 3`."""
    at: str
    exit_code: int | None = None
    pod: Manifest | None = None
    """The Pod whose log tells why."""


def number(step: StepStatus) -> int:
    """Return the number of the attempt that runs or comes next.

    The counters are all that is remembered: an attempt that was never judged, because its
    Job was deleted or the run suspended, is made again under its number.
    """
    return 1 + (step.failures or 0) + (step.interruptions or 0) + (step.repeats or 0)


def of(look: Look, step: Step) -> int:
    """Return the number of the step's attempt that runs or comes next."""
    return next((number(one) for one in look.steps if one.name == step.name), 1)


def job_of(step: StepStatus, seen: Seen) -> Manifest | None:
    """Return the Job of the step's newest attempt, if it is there."""
    return seen.get("Job", step.job) if step.job else None


def after(step: Step, attempt: StepStatus, end: AttemptEnd, tail: str | None) -> StepStatus:
    """Return the step once `end` of its newest attempt is counted: Pending again, or Failed."""
    retry = step.retry
    failures, interruptions = attempt.failures or 0, attempt.interruptions or 0
    if end.cause == "Interruption":
        interruptions += 1
        again = interruptions <= retry.interruptions
    else:
        failures += 1
        again = end.cause == "Failure" and failures <= retry.failures
    update: dict[str, Any] = {
        "state": "Pending" if again else "Failed",
        "failures": failures or None,
        "interruptions": interruptions or None,
        "completion_time": end.at,
        "reason": str(end.reason),
        "message": end.message[:_MESSAGE_LIMIT],
    }
    if end.cause != "Interruption":
        update |= {"exit_code": end.exit_code, "log_tail": tail or None}
    return attempt.model_copy(update=update)


def rests_until(step: StepStatus) -> datetime | None:
    """Return when the next attempt may start; None: at once. Interruptions do not wait."""
    interrupted = step.reason in set(InterruptionReason)
    if not step.failures or interrupted or step.completion_time is None:
        return None
    rest = min(_FIRST_REST * float(2 ** (step.failures - 1)), _LONGEST_REST)
    return parse_timestamp(step.completion_time) + rest


def end_reason(step: StepStatus) -> RunReason:
    """Return why a run ends whose step has failed for good."""
    if step.reason in set(InterruptionReason):
        return RunReason.INTERRUPTIONS_EXHAUSTED
    return RunReason(step.reason) if step.reason else RunReason.STEP_FAILED


def parts(look: Look, step: Step) -> JobParts:
    """Return what makes a Job one attempt: its number, and which ends are the Job's at once.

    The Job itself tries nothing twice: the operator counts, since only it knows both budgets.
    """
    attempt = str(of(look, step))
    rules: list[dict[str, Any]] = [
        {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    ]
    if step.retry.fatal_exit_codes:
        codes = {
            "containerName": CONTAINER,
            "operator": "In",
            "values": sorted(step.retry.fatal_exit_codes),
        }
        rules.append({"action": "FailJob", "onExitCodes": codes})
    return JobParts(
        env=({"name": ATTEMPT_ENV, "value": attempt},),
        labels={LABEL_ATTEMPT: attempt},
        # The next attempt starts only when every Pod of this one is through.
        job={"podReplacementPolicy": "Failed", "podFailurePolicy": {"rules": rules}},
    )
