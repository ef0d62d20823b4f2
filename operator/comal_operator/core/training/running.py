"""An attempt that has a Job: whether it has ended, by itself, by its node, or by a limit."""

from __future__ import annotations

from comal_operator.core.conditions import timestamp
from comal_operator.core.durations import sooner
from comal_operator.core.plan import Settings
from comal_operator.core.reasons import InterruptionReason
from comal_operator.core.training.attempt_ends import end_of
from comal_operator.core.training.attempts import AttemptEnd
from comal_operator.core.training.interruptions import node_loss
from comal_operator.core.training.limits import Attempt, Limited, limited

__all__ = ["Attempt", "judged"]


def judged(attempt: Attempt, settings: Settings) -> Limited:
    """Return how the attempt ended, or what must be asked first, or when to look again."""
    end = end_of(attempt.job, attempt.pods)
    if end is not None:
        return Limited(end)
    losses = [node_loss(pod, attempt.seen, attempt.now, settings) for pod in attempt.pods]
    lost = next((loss.message for loss in losses if loss.message), None)
    if lost is not None:
        at = timestamp(attempt.now)
        return Limited(AttemptEnd("Interruption", InterruptionReason.NODE_LOST, lost, at))
    found = limited(attempt)
    look_again = sooner(found.look_again, *(loss.look_again for loss in losses))
    return Limited(found.end, found.questions, look_again)
