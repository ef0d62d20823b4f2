"""The user's steps: what became of each, and which may start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from comal_operator.api.training_run import TrainingRunSpec
from comal_operator.api.training_run_status import StepStatus, TrainingRunStatus
from comal_operator.api.training_step import Step
from comal_operator.core.children import is_ours
from comal_operator.core.conditions import is_true
from comal_operator.core.plan import Manifest, Question, Seen, Settings
from comal_operator.core.training.attempts import after, number, rests_until
from comal_operator.core.training.last_words import last_words
from comal_operator.core.training.objects import claim_name, job_name
from comal_operator.core.training.outputs import checked
from comal_operator.core.training.pods import image_of, pods_of, started_at, still_runs
from comal_operator.core.training.running import Attempt, judged

ENDS = ("Succeeded", "Cached", "Failed", "Stopped")


@dataclass(frozen=True)
class Observation:
    """What became of the steps; what must be asked first, and when time alone changes it."""

    steps: tuple[StepStatus, ...]
    questions: tuple[Question, ...] = ()
    look_again: timedelta | None = None


@dataclass(frozen=True)
class Eyes:
    """What the steps are judged by."""

    run: Manifest
    spec: TrainingRunSpec
    seen: Seen
    now: datetime
    settings: Settings


def observe_steps(eyes: Eyes, status: TrainingRunStatus) -> Observation:
    """Return what became of each step: one remembered as ended stays so, with or without Job."""
    remembered = {step.name: step for step in status.steps}
    found = []
    for step in eyes.spec.steps:
        before = remembered.get(step.name) or StepStatus(name=step.name, state="Pending")
        ended = before.state in ENDS
        found.append(Observation((before,)) if ended else _observed(eyes, step, before))
    steps = tuple(one.steps[0] for one in found)
    times = [one.look_again for one in found if one.look_again is not None]
    return Observation(
        _stopped(eyes.spec, steps, remembered),
        tuple(question for one in found for question in one.questions),
        min(times, default=None),
    )


def is_done(step: Step, status: StepStatus) -> bool:
    """Return whether what comes after the step may start."""
    return status.state in ("Succeeded", "Cached") or (
        status.state == "Failed" and step.continue_on_failure
    )


def failed_step(spec: TrainingRunSpec, steps: Sequence[StepStatus]) -> StepStatus | None:
    """Return the first step whose failure ends the run, or None."""
    tolerated = {step.name for step in spec.steps if step.continue_on_failure}
    return next((s for s in steps if s.state == "Failed" and s.name not in tolerated), None)


def startable(eyes: Eyes, steps: Sequence[StepStatus], *, side_by_side: bool) -> tuple[Step, ...]:
    """Return the steps whose Jobs may be made now.

    A volume that one node holds (ReadWriteOnce) is used by one step at a time: two on different
    nodes would wait for each other for ever.
    """
    states = {step.name: step for step in steps}
    done = {step.name for step in eyes.spec.steps if is_done(step, states[step.name])}
    ready = [
        step
        for index, step in enumerate(eyes.spec.steps)
        if states[step.name].state == "Pending"
        and done.issuperset(predecessors(eyes.spec, index))
        and not still_runs(step.name, eyes.seen)
    ]
    rested = [step for step in ready if not rest_left(states[step.name], eyes.now)]
    if side_by_side:
        return tuple(rested)
    busy = any(s.state == "Running" or still_runs(s.name, eyes.seen) for s in steps)
    return () if busy else tuple(rested[:1])


def rest_left(step: StepStatus, now: datetime) -> timedelta | None:
    """Return how long a step that failed still waits for its next attempt; None: it does not."""
    until = rests_until(step) if step.state == "Pending" else None
    return until - now if until is not None and until > now else None


def predecessors(spec: TrainingRunSpec, index: int) -> tuple[str, ...]:
    """Return the steps that must have succeeded before the one at `index` starts."""
    after_these = spec.steps[index].after
    if after_these is not None:
        return after_these
    return (spec.steps[index - 1].name,) if index else ()


def _observed(eyes: Eyes, step: Step, before: StepStatus) -> Observation:
    attempt = number(before)
    name = job_name(eyes.run, step.name, attempt=attempt)
    job = eyes.seen.get("Job", name)
    if job is None or not is_ours(job, eyes.run):
        return Observation((_not_started(before, attempt),))
    pods, state = pods_of(job, eyes.seen), job.get("status", {})
    started = state.get("startTime") or job["metadata"].get("creationTimestamp")
    this = _on_node(before, pods).model_copy(
        update={
            "job": name,
            "attempts": attempt,
            "start_time": started,
            "completion_time": None,
        }
    )
    if is_true(state.get("conditions"), "Complete"):
        done = {"state": "Succeeded", "completion_time": state.get("completionTime")}
        found = checked(eyes.run, step, this.model_copy(update=done), eyes.seen)
        if found.end is None:
            return Observation((found.status,))
        words = last_words(found.end, eyes.seen)
        return Observation((after(step, this, found.end, words.text),), words.questions)
    claim = eyes.seen.get("PersistentVolumeClaim", claim_name(eyes.run, eyes.spec))
    judgement = judged(
        Attempt(eyes.run, step, job, pods, claim, eyes.seen, eyes.now), eyes.settings
    )
    if judgement.end is None:
        running = this.model_copy(update={"state": "Running"})
        return Observation((running,), judgement.questions, judgement.look_again)
    words = last_words(judgement.end, eyes.seen)
    return Observation((after(step, this, judgement.end, words.text),), words.questions)


def _not_started(before: StepStatus, attempt: int) -> StepStatus:
    """Return a step without the Job of its next attempt: never made, or gone before it ended."""
    if before.attempts is None or before.attempts < attempt:
        return before.model_copy(update={"state": "Pending"})
    # What it did is lost, and it is to be done; by the image that it had.
    lost = ("job", "start_time", "completion_time", "node")
    update = {"state": "Pending", "attempts": attempt - 1 or None, **dict.fromkeys(lost)}
    return before.model_copy(update=update)


def _on_node(before: StepStatus, pods: Sequence[Manifest]) -> StepStatus:
    """Return the step with where it runs and what, told at once when its container starts."""
    pod = next((pod for pod in pods if started_at(pod)), None)
    if pod is None:
        return before
    image = (image_of(pod) or "")[:600] or None
    return before.model_copy(update={"node": pod.get("spec", {}).get("nodeName"), "image": image})


def _stopped(
    spec: TrainingRunSpec, steps: tuple[StepStatus, ...], remembered: dict[str, StepStatus]
) -> tuple[StepStatus, ...]:
    """Return the steps once those whose Jobs we ended with the run are known as stopped."""
    if failed_step(spec, steps) is None and not spec.cancel:
        return steps
    running = {name for name, step in remembered.items() if step.state == "Running"}
    return tuple(
        step.model_copy(update={"state": "Stopped"})
        if step.state == "Pending" and step.name in running
        else step
        for step in steps
    )
