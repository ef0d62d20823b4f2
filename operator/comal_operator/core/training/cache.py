"""The cache: a step that an equal one has been before it takes that one's outputs.

A hit is an observation, not a deed: the step is `Cached` as long as the entry under its key
stands, and no Job is made for it. Once a later step has started, the outputs have been copied and
the hit is remembered for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from comal_operator.api.training_run import TrainingRunSpec
from comal_operator.api.training_run_status import StepStatus, TrainingRunStatus
from comal_operator.api.training_step import Step
from comal_operator.core.conditions import timestamp
from comal_operator.core.plan import Manifest, Named, Question, Seen
from comal_operator.core.training import cache_entry
from comal_operator.core.training.cache_entry import Entry
from comal_operator.core.training.cache_key import Inputs, NotCacheableError, all_before, key_of
from comal_operator.core.training.default_image import default_image
from comal_operator.core.training.look import Look
from comal_operator.core.training.outputs import digest_of
from comal_operator.core.training.steps import Eyes, Observation, failed_step, observe_steps

_OPEN = ("Pending", "Running")
LOOK_AGAIN = timedelta(seconds=5)
_DONE = ("Succeeded", "Cached")


@dataclass(frozen=True)
class Taken:
    """The steps once hits are counted, and what must be asked to tell."""

    steps: tuple[StepStatus, ...]
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True)
class Turn:
    """What a step that may start does first: reserve its key, or wait for who has it."""

    reservation: Manifest | None = None
    waiting: str = ""


def observe(eyes: Eyes, status: TrainingRunStatus) -> Observation:
    """Return what became of the steps, hits among them."""
    found = observe_steps(eyes, _undecided(eyes.spec, status))
    hits = _taken(eyes, found.steps, status)
    return replace(found, steps=hits.steps, questions=(*found.questions, *hits.questions))


def is_settled(spec: TrainingRunSpec, steps: Iterable[StepStatus], name: str) -> bool:
    """Return whether a step that reads the outputs of `name` has started: they are copied."""
    return any(
        name in all_before(spec, step.name)
        for step in steps
        if step.state not in ("Pending", "Cached") or step.attempts
    )


def inputs_of(look: Look) -> Inputs:
    """Return what the keys of the run's steps are made of."""
    steps = {step.name: step for step in look.steps}
    image = default_image(look.run, look.seen, look.settings)
    return Inputs(look.spec, steps, look.status.data, image, look.status.images)


def key_in(look: Look, step: Step) -> str | None:
    """Return the key of a step that uses the cache; None where it has none."""
    if step.cache is None or step.cache.mode == "Never":
        return None
    try:
        return key_of(inputs_of(look), step)
    except NotCacheableError:
        return None


def entry_in(look: Look, step: Step) -> Entry | None:
    """Return the entry under the step's key."""
    key = key_in(look, step)
    if key is None:
        return None
    return cache_entry.read_entry(cache_entry.find(look.seen, cache_entry.entry_name(key)), key)


def turn(look: Look, step: Step) -> Turn:
    """Return what comes before the Job of a step that may start and is no hit."""
    key = key_in(look, step)
    # A refreshed step replaces what is there: it need not wait, and others need not for it.
    if key is None or step.cache is None or step.cache.mode == "Refresh":
        return Turn()
    name = cache_entry.reservation_name(key)
    if ("ConfigMap", name) in look.seen.refusals:
        return Turn()  # a quota: then the step just runs
    there = cache_entry.find(look.seen, name)
    run, uid = cache_entry.reserved_by(there)
    if there is None:
        return Turn(cache_entry.reservation_manifest(look.run, step.name, key))
    if uid and uid != look.run["metadata"]["uid"]:
        return Turn(waiting=f"step {step.name} waits for run {run}, which does the same")
    return Turn()


def _as_remembered(
    steps: Sequence[StepStatus], remembered: Mapping[str, StepStatus]
) -> tuple[StepStatus, ...]:
    """Return the steps of a run that goes no further, its hits as they were."""
    return tuple(
        remembered[step.name]
        if step.name in remembered and remembered[step.name].state == "Cached"
        else step
        for step in steps
    )


def _undecided(spec: TrainingRunSpec, status: TrainingRunStatus) -> TrainingRunStatus:
    """Return the memory without hits that nothing was built on yet: `_taken` judges them anew."""
    if spec.suspend or spec.cancel:
        return status
    steps = tuple(
        StepStatus(name=step.name, state="Pending")
        if step.state == "Cached" and not is_settled(spec, status.steps, step.name)
        else step
        for step in status.steps
    )
    return status.model_copy(update={"steps": steps})


def _taken(eyes: Eyes, steps: Sequence[StepStatus], status: TrainingRunStatus) -> Taken:
    """Return the steps with those as `Cached` whose outputs another run has."""
    spec = eyes.spec
    found = {step.name: step for step in steps}
    remembered = {step.name: step for step in status.steps}
    asked: list[Question] = []
    if spec.suspend or spec.cancel or failed_step(spec, steps) is not None:
        return Taken(_as_remembered(steps, remembered))
    for step in spec.steps:
        if all(found[name].state in _DONE for name in all_before(spec, step.name)):
            found[step.name], questions = _judged(
                eyes, step, found, status, remembered.get(step.name)
            )
            asked += questions
    return Taken(tuple(found[step.name] for step in steps), tuple(asked))


def _judged(
    eyes: Eyes,
    step: Step,
    steps: Mapping[str, StepStatus],
    status: TrainingRunStatus,
    was: StepStatus | None,
) -> tuple[StepStatus, list[Question]]:
    """Return the step as a hit, or as it is; with the questions that this takes."""
    one, policy = steps[step.name], step.cache
    if policy is None or policy.mode == "Never" or one.state not in _OPEN:
        return one, []
    try:
        image = default_image(eyes.run, eyes.seen, eyes.settings)
        key = key_of(Inputs(eyes.spec, steps, status.data, image, status.images), step)
    except NotCacheableError as reason:
        return one.model_copy(update={"not_cached": str(reason)[:256]}), []
    one = one.model_copy(update={"not_cached": None})
    if one.state != "Pending" or policy.mode == "Refresh":
        return one, []
    questions: list[Question] = [q for q in cache_entry.asked(key) if _is_open(q, eyes.seen)]
    if questions:
        return one, questions
    entry = cache_entry.read_entry(cache_entry.find(eyes.seen, cache_entry.entry_name(key)), key)
    if entry is not None and not entry.is_older(policy.max_age, eyes.now):
        return _hit(one, entry, was, eyes.now), []
    if was is not None and was.state == "Cached":
        return one.model_copy(update=_lost(was)), []
    return one, []


def _hit(step: StepStatus, entry: Entry, was: StepStatus | None, now: datetime) -> StepStatus:
    update: dict[str, Any] = {
        "state": "Cached",
        "cached_from": entry.run,
        "outputs_digest": digest_of(entry.outputs),
        "completion_time": timestamp(now),
    }
    same = was is not None and was.state == "Cached" and was.cached_from == entry.run
    if was is not None and same:
        update["completion_time"] = was.completion_time
    return step.model_copy(update=update)


def _lost(was: StepStatus) -> dict[str, str]:
    text = f"the outputs of run {was.cached_from} are gone or are not what they were"
    return {"reason": "CacheInvalid", "message": text}


def _is_open(question: Named, seen: Seen) -> bool:
    return seen.get(question.kind, question.name) is None and question not in seen.answers
