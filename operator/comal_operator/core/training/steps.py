"""The user's steps: what became of each, and which may start."""

from __future__ import annotations

from collections.abc import Sequence

from comal_operator.api.training_run import TrainingRunSpec
from comal_operator.api.training_run_status import StepStatus, TrainingRunStatus
from comal_operator.api.training_step import Step
from comal_operator.core.children import is_ours
from comal_operator.core.conditions import find, is_true
from comal_operator.core.plan import LogTail, Manifest, Question, Seen
from comal_operator.core.training.jobs import CONTAINER, job_name
from comal_operator.core.training.pods import Ended, ended, pods_of, still_runs

ENDS = ("Succeeded", "Failed", "Stopped")
_TAIL_LIMIT = 2000


def observe_steps(
    run: Manifest, spec: TrainingRunSpec, status: TrainingRunStatus, seen: Seen
) -> tuple[StepStatus, ...]:
    """Return what became of each step: one remembered as ended stays so, with or without Job."""
    remembered = {step.name: step for step in status.steps}
    steps = []
    for step in spec.steps:
        before = remembered.get(step.name)
        ended_before = before is not None and before.state in ENDS
        steps.append(before if before and ended_before else _observed(run, step, seen))
    if not any(step.state == "Failed" for step in steps):
        return tuple(steps)
    running = {name for name, step in remembered.items() if step.state == "Running"}
    return tuple(
        step.model_copy(update={"state": "Stopped"})
        if step.state == "Pending" and step.name in running
        else step
        for step in steps
    )


def questions(run: Manifest, steps: Sequence[StepStatus], seen: Seen) -> tuple[Question, ...]:
    """Return what must be known of failed steps before their end is written down for good."""
    asked: list[Question] = []
    for step in steps:
        job = seen.get("Job", job_name(run, step.name))
        if step.state != "Failed" or step.log_tail is not None or job is None:
            continue
        last = pods_of(job, seen)[-1:]
        asked.extend(LogTail(pod["metadata"]["name"], CONTAINER) for pod in last)
    return tuple(question for question in asked if question not in seen.answers)


def startable(
    spec: TrainingRunSpec, steps: Sequence[StepStatus], seen: Seen, *, side_by_side: bool
) -> tuple[Step, ...]:
    """Return the steps whose Jobs may be made now.

    A volume that one node holds (ReadWriteOnce) is used by one step at a time: two on different
    nodes would wait for each other for ever.
    """
    states = {step.name: step.state for step in steps}
    ready = [
        step
        for index, step in enumerate(spec.steps)
        if states[step.name] == "Pending"
        and all(states[name] == "Succeeded" for name in predecessors(spec, index))
        and not still_runs(step.name, seen)
    ]
    if side_by_side:
        return tuple(ready)
    return () if "Running" in states.values() else tuple(ready[:1])


def predecessors(spec: TrainingRunSpec, index: int) -> tuple[str, ...]:
    """Return the steps that must have succeeded before the one at `index` starts."""
    after = spec.steps[index].after
    if after is not None:
        return after
    return (spec.steps[index - 1].name,) if index else ()


def _observed(run: Manifest, step: Step, seen: Seen) -> StepStatus:
    name = job_name(run, step.name)
    job = seen.get("Job", name)
    if job is None or not is_ours(job, run):
        # Never made, or deleted before it ended: what it did is lost, and it is to be done.
        return StepStatus(name=step.name, state="Pending")
    conditions, state = job.get("status", {}).get("conditions"), job.get("status", {})
    started = state.get("startTime") or job["metadata"].get("creationTimestamp")
    if is_true(conditions, "Complete"):
        done = state.get("completionTime")
        return StepStatus(
            name=step.name, state="Succeeded", job=name, start_time=started, completion_time=done
        )
    if not is_true(conditions, "Failed"):
        return StepStatus(name=step.name, state="Running", job=name, start_time=started)
    failed = find(conditions, "Failed") or {}
    end, tail = _last_words(job, seen)
    return StepStatus(
        name=step.name,
        state="Failed",
        job=name,
        start_time=started,
        completion_time=failed.get("lastTransitionTime"),
        exit_code=end.exit_code if end else None,
        log_tail=tail,
    )


def _last_words(job: Manifest, seen: Seen) -> tuple[Ended | None, str | None]:
    """Return how the last Pod ended and its last lines; None while they are not asked for."""
    pods = pods_of(job, seen)
    if not pods:
        return None, ""
    end = ended(pods[-1])
    if end is not None and end.message:
        return end, end.message[-_TAIL_LIMIT:].strip()
    answer = seen.answers.get(LogTail(pods[-1]["metadata"]["name"], CONTAINER))
    return end, None if answer is None else str(answer)[-_TAIL_LIMIT:].strip()


def failure_message(step: StepStatus, job: Manifest | None) -> str:
    """Return the sentence about a failed step, with what it said last."""
    how = "failed" if step.exit_code is None else f"exited with code {step.exit_code}"
    if step.exit_code == 137:
        how += " (killed, most often for memory: raise resources.limits.memory)"
    elif step.exit_code is None and job is not None:
        failed = find(job.get("status", {}).get("conditions"), "Failed") or {}
        how += f": {failed.get('message', 'its Pod is gone')}"
    said = f"; it said last: {_ending(step.log_tail)}" if step.log_tail else ""
    return f"step {step.name} {how}{said}"


def _ending(text: str) -> str:
    """Return the end of a log that fits a condition; the full tail stands in status.steps."""
    return text if len(text) <= 700 else f"…{text[-700:]}"
