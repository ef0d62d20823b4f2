"""Asking for a sweep's next trials: a Job per batch, whose answer is remembered in the status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from comal_operator.api.training_run_status import TrialStatus
from comal_operator.api.training_sweep import Sweep
from comal_operator.core.children import is_ours
from comal_operator.core.names import LABEL_STEP
from comal_operator.core.plan import Delete
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.jobs import built_in_job
from comal_operator.core.training.look import Look, Next, State
from comal_operator.core.training.report import delete, report, retry
from comal_operator.core.training.sweep_space import request, suggested
from comal_trainer.contract.sweep import SUGGEST_COMMAND, Suggested, suggest_arguments


def suggestions(
    look: Look, sweep: Sweep, trials: tuple[TrialStatus, ...], count: int, state: State
) -> Sequence[dict[str, str]] | Next:
    """Return the parameters of the next trials, or how to come by them."""
    arguments = suggest_arguments(request(sweep, trials, count))
    # Named by how many trials there are: the next batch is another Job.
    job = built_in_job(look, f"{SUGGEST_COMMAND}-{len(trials)}", arguments)
    answer = report(look, job, Suggested, state, RunReason.SUGGEST_JOB_FAILED)
    if answer.answer is None:
        return answer.next or Next(state)
    error = answer.answer.error
    if error is not None:
        return Next(State("Failed", RunReason.SPEC_INVALID, error.message, facts=state.facts))
    try:
        found = [suggested(sweep, values) for values in answer.answer.trials[:count]]
    except ValueError as wrong:
        live: Any = look.seen.get("Job", job["metadata"]["name"])
        failed, since = RunReason.SUGGEST_JOB_FAILED, live.get("status", {}).get("completionTime")
        return retry(look, live, state, failed, why=str(wrong), since=since)
    return found


def left_over(look: Look, trials: int) -> tuple[Delete, ...]:
    """Return the deletion of Jobs whose answers are remembered: a long sweep has hundreds."""
    wanted = f"{SUGGEST_COMMAND}-{trials}"
    return tuple(
        delete(job)
        for job in look.seen.all("Job")
        if is_ours(job, look.run)
        and "deletionTimestamp" not in job["metadata"]
        and _step(job["metadata"]["labels"]).startswith(f"{SUGGEST_COMMAND}-")
        and _step(job["metadata"]["labels"]) != wanted
    )


def _step(labels: dict[str, str]) -> str:
    return labels.get(LABEL_STEP, "")
