"""What a TrainingRun needs next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydantic import ValidationError

from comal_operator.api.training_run import TrainingRun
from comal_operator.api.training_run_status import StepStatus
from comal_operator.core.durations import sooner
from comal_operator.core.plan import Action, Manifest, Plan, Ref, Seen, Settings, WriteStatus
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.attempts import number
from comal_operator.core.training.cache import observe
from comal_operator.core.training.cache_upkeep import keep_cache
from comal_operator.core.training.data import fetch_data
from comal_operator.core.training.default_image import is_unwritten
from comal_operator.core.training.events import events
from comal_operator.core.training.evidence import logs_first
from comal_operator.core.training.finish import already_registered, finish
from comal_operator.core.training.images import resolve_images, with_images
from comal_operator.core.training.kueue import hold, resume
from comal_operator.core.training.last_series import late_series, series_first
from comal_operator.core.training.last_words import last_words_first
from comal_operator.core.training.left_over import clear_away
from comal_operator.core.training.look import Look, Next
from comal_operator.core.training.notify import asked, notices
from comal_operator.core.training.outputs import seal
from comal_operator.core.training.placement import unknown_preset
from comal_operator.core.training.prerequisites import prerequisites
from comal_operator.core.training.progress import questions, with_metrics, with_progress
from comal_operator.core.training.relevant import RELEVANT
from comal_operator.core.training.restore import restore_all
from comal_operator.core.training.same_data import choose_baseline
from comal_operator.core.training.status import (
    follow,
    invalid_status,
    is_written,
    status_of,
    told_late,
)
from comal_operator.core.training.step_failed import step_failed
from comal_operator.core.training.step_jobs import run_steps
from comal_operator.core.training.steps import ENDS, Eyes, Observation
from comal_operator.core.training.stopping import cancelled, suspended
from comal_operator.core.training.sweep import run_trials, stop_trials, trials_go_too, with_best
from comal_operator.core.training.ttl import after_the_end, has_ended
from comal_operator.core.training.untold import untold

__all__ = ["RELEVANT", "plan_training_run"]

# In order; each returns None when it is not its moment, the last never does.
STAGES: tuple[Callable[[Look], Next | None], ...] = (
    last_words_first,
    clear_away,
    keep_cache,
    already_registered,
    cancelled,
    step_failed,
    hold,
    suspended,
    resume,
    unknown_preset,
    prerequisites,
    resolve_images,
    fetch_data,
    seal,
    choose_baseline,
    run_steps,
    restore_all,
    finish,
)


# Those of a sweep, whose steps are its trials'.
SWEEP_STAGES: tuple[Callable[[Look], Next | None], ...] = (
    already_registered,
    stop_trials,
    cancelled,
    suspended,
    unknown_preset,
    prerequisites,
    resolve_images,
    run_trials,
    finish,
)


def plan_training_run(run: Manifest, seen: Seen, *, now: datetime, settings: Settings) -> Plan:
    """Decide what `run` needs, given what was `seen`; no I/O, no clock, no randomness."""
    if run["metadata"].get("deletionTimestamp"):
        return Plan()
    if has_ended(run):
        return (
            follow(run)
            or trials_go_too(run, seen)
            or late_series(run, seen)
            or told_late(run, seen, now)
            or after_the_end(run, seen, now)
        )
    try:
        typed = TrainingRun.model_validate(run)
    except ValidationError as error:
        return _invalid(run, error, now)
    swept = typed.spec.sweep is not None
    eyes = Eyes(run, typed.spec, seen, now, settings)
    found = Observation(()) if swept else observe(eyes, typed.status)
    look = Look(
        run,
        with_best(typed.spec, typed.status),
        typed.status,
        seen,
        now,
        settings,
        with_images(typed.spec, found.steps, typed.status.images),
        found.questions,
        found.look_again,
    )
    return logs_first(look) or _plan(look, _next(look))


def _plan(look: Look, following: Next) -> Plan:
    """Return the plan for what follows: memory first, then deeds, then news.

    That a step ended is written down before anything is built on it, so that it never starts
    again. News come last: a refused deed would otherwise be announced and revoked in turns.
    """
    if following.questions:
        return Plan(questions=following.questions)
    state = with_metrics(look, following.state)
    missed = untold(look.run, look.seen, asked(look, state))
    news = with_progress(look, state, status_of(look, state, missed))
    status, again = news.status, sooner(following.look_again, look.look_again, news.look_again)
    writes: tuple[Action, ...] = ()
    if not is_written(status, look.run.get("status")):
        version = look.run["metadata"]["resourceVersion"]
        only_news = news.alone and not following.actions
        writes = (WriteStatus(Ref.of(look.run), version, status, only_news),)
    # Made before what it tells of is remembered: then never again.
    told: tuple[Action, ...] = ()
    if writes:
        told = (*following.made_first, *events(look, state), *notices(look, state, status))
    if not following.actions:
        return Plan((*told, *writes), questions(look), again)
    first = following.memory_first or is_unwritten(look) or _news_of_ends(look)
    actions = (*told, *writes, *following.actions) if first else following.actions
    return Plan(actions, questions(look), again)


def _next(look: Look) -> Next:
    """Return what the first stage says whose moment it is."""
    stages = STAGES if look.spec.sweep is None else SWEEP_STAGES
    following = next(found for stage in stages if (found := stage(look)) is not None)
    return series_first(look, following)


def _news_of_ends(look: Look) -> bool:
    """Return whether an attempt's end is seen that the status does not remember yet."""
    known = {step.name: step for step in look.status.steps}
    return any(_is_news(step, known.get(step.name)) for step in look.steps)


def _is_news(step: StepStatus, known: StepStatus | None) -> bool:
    if step.state in ENDS:
        return known is None or known.state not in ENDS
    return number(step) > (number(known) if known else 1)


def _invalid(run: Manifest, error: ValidationError, now: datetime) -> Plan:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    text = f"{where}: {first['msg']}: make a new TrainingRun that says it right"
    status = invalid_status(run, RunReason.SPEC_INVALID, text, now)
    if is_written(status, run.get("status")):
        return Plan()
    return Plan((WriteStatus(Ref.of(run), run["metadata"]["resourceVersion"], status),))
