"""Who leaves: a candidate that is given up, a stable revision that is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from comal_operator.core.serving.crash_log import first_line
from comal_operator.core.serving.memory import Draining, Memory, Rejection, Role, whole_second
from comal_operator.core.serving.reasons import RejectionReason

# With the end of a crashed scorer's log.
_MESSAGE_LIMIT = 3000


def without_candidate(memory: Memory) -> Memory:
    """Return `memory` with its candidate on its way out."""
    if memory.candidate is None:
        return memory
    leaving = Draining(memory.candidate.revision)
    left = replace(memory.without_progress(), candidate=None)
    return replace(left, draining=(*memory.draining, leaving))


def rejected(memory: Memory, reason: str, message: str, now: datetime) -> Memory:
    """Return `memory` with its candidate rolled back and remembered as such."""
    if memory.candidate is None:
        return memory
    found = _rejection(memory.candidate, reason, message, now)
    return _with(without_candidate(memory), found)


def rolled_back(memory: Memory, message: str, now: datetime) -> Memory:
    """Return `memory` with its former revision serving again, at once: it is warm.

    Every router knows it already, standing by; so one write of shares brings it back.
    """
    stable, previous = memory.stable, memory.previous
    if stable is None or previous is None:
        return memory
    memory = without_candidate(memory)
    found = _rejection(stable, RejectionReason.ROLLED_BACK_BY_REQUEST, message, now)
    back = replace(previous, since=whole_second(now))
    leaving = Draining(stable.revision)
    memory = replace(memory, stable=back, previous=None, draining=(*memory.draining, leaving))
    return _with(memory, found)


def _rejection(role: Role, reason: str, message: str, now: datetime) -> Rejection:
    if len(message) > _MESSAGE_LIMIT:
        message = message[: _MESSAGE_LIMIT - 1] + "…"
    return Rejection(role.revision, role.model_version, reason, message, whole_second(now))


def _with(memory: Memory, rejection: Rejection) -> Memory:
    # The newest one's log is enough: ten of them would be most of the object.
    others = tuple(
        replace(one, message=first_line(one.message))
        for one in memory.rejected
        if one.revision != rejection.revision
    )
    return replace(memory, rejected=(rejection, *others))
