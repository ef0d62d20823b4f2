"""The end of a run with a failed step."""

from __future__ import annotations

from comal_operator.api.training_run_status import StepStatus
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.attempts import end_reason
from comal_operator.core.training.left_over import live_jobs
from comal_operator.core.training.look import Look, Next, State
from comal_operator.core.training.report import delete
from comal_operator.core.training.steps import failed_step

_SAID_LIMIT = 700


def step_failed(look: Look) -> Next | None:
    """Return how a run with a failed step ends: what still runs is stopped first."""
    failed = failed_step(look.spec, look.steps)
    if failed is None:
        return None
    text = f"step {failed.name} {failure(failed)}"
    stop = tuple(delete(job) for job in live_jobs(look))
    if stop:
        return Next(State("Going", RunReason.RUNNING, text, failed.name), stop)
    return Next(State("Failed", end_reason(failed), text))


def failure(step: StepStatus) -> str:
    """Return what follows the name of a failed step: how it ended, and what it said last."""
    how = step.message or "failed"
    if (step.failures or 0) > 1:
        how += f" in attempt {step.attempts}, failure {step.failures} (retry.failures)"
    if end_reason(step) == RunReason.INTERRUPTIONS_EXHAUSTED:
        how += f"; that was interruption {step.interruptions}, one more than retry.interruptions"
        return how
    return f"{how}; it said last: {_ending(step.log_tail)}" if step.log_tail else how


def _ending(text: str) -> str:
    """Return the end of a log that fits a condition; the full tail stands in status.steps."""
    return text if len(text) <= _SAID_LIMIT else f"…{text[-_SAID_LIMIT:]}"
