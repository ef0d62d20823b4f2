"""What comes before the Job of a step that may start: its inputs copied, its key reserved."""

from __future__ import annotations

from dataclasses import replace

from comal_operator.api.training_step import Step
from comal_operator.core.plan import Create
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.cache import LOOK_AGAIN, turn
from comal_operator.core.training.look import Look, Next, State
from comal_operator.core.training.restore import restore_for


def before_job(look: Look, step: Step, state: State) -> Next | None:
    """Return what a step that may start still needs or waits for; None when its Job is next."""
    copied = restore_for(look, [step])
    if copied is not None:
        return copied
    next_turn = turn(look, step)
    if next_turn.waiting:
        busy = any(status.state == "Running" for status in look.steps)
        waits = replace(
            state,
            reason=RunReason.WAITING_FOR_CACHE,
            message=next_turn.waiting,
            active_step=step.name,
        )
        return Next(state if busy else waits, look_again=LOOK_AGAIN)
    if next_turn.reservation is not None:
        was_hit = any(s.name == step.name and s.state == "Cached" for s in look.status.steps)
        # That it is a hit no more is written down before anything is made.
        return Next(state, (Create(next_turn.reservation),), memory_first=was_hit)
    return None
