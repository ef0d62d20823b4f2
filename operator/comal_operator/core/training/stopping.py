"""Stopping a run because a person asks for it: for now (suspend) or for good (cancel)."""

from __future__ import annotations

from comal_operator.core.plan import Action
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.kueue import is_queued
from comal_operator.core.training.left_over import live_jobs
from comal_operator.core.training.look import Look, Next, State
from comal_operator.core.training.report import delete


def cancelled(look: Look) -> Next | None:
    """Return the end of a run that is cancelled; None when it is not."""
    if not look.spec.cancel:
        return None
    stop = tuple(delete(job) for job in live_jobs(look))
    if stop:
        text = "cancel is true: what runs is stopped"
        return Next(State("Going", RunReason.CANCELLED, text), stop)
    text = f"cancelled (spec.cancel) after {_done(look)}"
    return Next(State("Cancelled", RunReason.CANCELLED, text))


def suspended(look: Look) -> Next | None:
    """Return the rest of a run that is suspended; None when it is not.

    What an attempt did that is stopped here is not counted: it is made again under its number.
    """
    if not look.spec.suspend:
        return None
    stop = halt(look)
    if stop:
        text = "suspend is true: what runs is stopped"
        return Next(State("Going", RunReason.SUSPENDED, text), stop)
    text = f"suspended (spec.suspend) after {_done(look)}; it goes on once suspend is false"
    return Next(State("Suspended", RunReason.SUSPENDED, text))


def halt(look: Look) -> tuple[Action, ...]:
    """Return what stops all that runs for now."""
    # A queue's Jobs are Kueue's to stop, which has been told by now.
    return tuple(delete(job) for job in live_jobs(look) if not is_queued(job))


def _done(look: Look) -> str:
    done = sum(step.state in ("Succeeded", "Cached") for step in look.steps)
    return f"{done} of {len(look.steps)} steps"
