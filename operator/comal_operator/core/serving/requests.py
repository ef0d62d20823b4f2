"""What people ask of a rollout by annotation: each is heard once, and answered in status.

An annotation is a level: GitOps tools take it away and put it back. So what counts is the first
time that its text is seen, and the revision in it: what was asked about another version is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from comal_operator.core.serving.latched import Handled, Hold
from comal_operator.core.serving.memory import Memory, Rejection, Role, whole_second
from comal_operator.core.serving.reasons import RejectionReason, ServingReason
from comal_operator.core.serving.roles import rejected, rolled_back
from comal_operator.core.serving.sight import Request, Sight

REQUEST_ANNOTATION: Final = "comal.dev/request"
REQUESTED_BY_ANNOTATION: Final = "comal.dev/requested-by"
_KEPT = 8
_TEXT_LIMIT = 128
_SHAPE = re.compile(r"^(?P<verb>[a-z]+)@(?P<revision>[a-z0-9]{1,16})#[A-Za-z0-9._:-]{1,64}$")


class RefusedError(Exception):
    """Nothing can be done about a request; the text says why, to the one who asked."""


Answer = Callable[[Memory, Sight, str, str], Memory]


def request_of(annotations: Mapping[str, str] | None) -> Request | None:
    """Return what the annotations ask for."""
    text = (annotations or {}).get(REQUEST_ANNOTATION, "").strip()
    by = (annotations or {}).get(REQUESTED_BY_ANNOTATION, "").strip()
    return Request(text[:_TEXT_LIMIT], by[:253] or None) if text else None


def answered(memory: Memory, sight: Sight) -> Memory:
    """Return `memory` after the request, done or refused; the same if there is no new one."""
    request = sight.request
    if request is None or any(one.text == request.text for one in memory.handled):
        return memory
    refused = None
    try:
        memory = _carried_out(memory, sight, request)
    except RefusedError as error:
        refused = str(error)
    handled = Handled(request.text, request.by, whole_second(sight.now), refused)
    return replace(memory, handled=(handled, *memory.handled)[:_KEPT])


def _carried_out(memory: Memory, sight: Sight, request: Request) -> Memory:
    found = _SHAPE.match(request.text)
    verbs = ", ".join(_VERBS)
    if found is None or found["verb"] not in _VERBS:
        raise RefusedError(
            f"{request.text!r} is no request: write verb@revision#word, with a verb of {verbs}"
        )
    by = request.by or "somebody"
    return _VERBS[found["verb"]](memory, sight, found["revision"], by)


def _candidate(memory: Memory, revision: str) -> Role:
    """Return the candidate if it is that revision; nobody may approve what they have not seen."""
    candidate = memory.candidate
    if candidate is None:
        raise RefusedError(f"there is no candidate, so {revision} cannot be meant")
    if candidate.revision != revision:
        raise RefusedError(
            f"the candidate is {candidate.revision} ({candidate.model_version}), not {revision}:"
            " look at it, then ask again"
        )
    return candidate


def _pause(memory: Memory, sight: Sight, revision: str, by: str) -> Memory:
    _candidate(memory, revision)
    if memory.hold is not None:
        raise RefusedError(f"it is held already, by {memory.hold.by}")
    since = whole_second(sight.now)
    return replace(memory, hold=Hold(by, since, ServingReason.PAUSED, f"paused by {by}"))


def _resume(memory: Memory, sight: Sight, revision: str, _: str) -> Memory:
    _candidate(memory, revision)
    if memory.hold is None:
        git = "; spec.rollout.paused is true: set it to false" if sight.schedule.paused else ""
        raise RefusedError(f"it is not held{git}")
    if memory.hold.reason == ServingReason.PAUSED:
        return replace(memory, hold=None)
    # It failed: whoever lets it try again lets it begin anew, with nothing held against it.
    return replace(memory.without_progress(), weight=memory.weight)


def _approve(memory: Memory, sight: Sight, revision: str, _: str) -> Memory:
    _candidate(memory, revision)
    if memory.weight is None:
        raise RefusedError("it has not started yet, so there is nothing to approve")
    stage = sight.schedule.stage(memory)
    if not stage.needs_approval:
        # Kept for a later step it would approve what nobody has seen.
        raise RefusedError(f"the step at {stage} percent needs no approval: ask at one that does")
    return replace(memory, approved=True)


def _promote(memory: Memory, _: Sight, revision: str, __: str) -> Memory:
    candidate = _candidate(memory, revision)
    return replace(memory, candidate=replace(candidate, expedited=True), hold=None)


def _abort(memory: Memory, sight: Sight, revision: str, by: str) -> Memory:
    _candidate(memory, revision)
    if memory.stable is None:
        raise RefusedError("nothing serves yet, so there is no way back: change spec.model instead")
    return rejected(memory, RejectionReason.ABORTED, f"aborted by {by}", sight.now)


def _rollback(memory: Memory, sight: Sight, revision: str, by: str) -> Memory:
    if memory.candidate is not None and memory.candidate.revision == revision:
        return _abort(memory, sight, revision, by)
    stable, previous = memory.stable, memory.previous
    if stable is None or stable.revision != revision:
        raise RefusedError(
            f"{revision} neither serves nor is the candidate; what serves is"
            f" {stable.revision if stable else 'nothing'}"
        )
    if previous is None:
        raise RefusedError(
            "no former revision is warm any more (rollout.bake is over): change spec.model"
        )
    if not sight.seen(previous.revision).is_available:
        raise RefusedError(f"{previous.model_version} is not available, so it cannot take over")
    return rolled_back(memory, f"rolled back by {by}", sight.now)


def _retry(memory: Memory, _: Sight, revision: str, __: str) -> Memory:
    if memory.rejection(revision) is None:
        raise RefusedError(f"{revision} was not rejected, so there is nothing to retry")
    left: tuple[Rejection, ...] = tuple(one for one in memory.rejected if one.revision != revision)
    return replace(memory, rejected=left)


_VERBS: Final[Mapping[str, Answer]] = {
    "pause": _pause,
    "resume": _resume,
    "approve": _approve,
    "promote": _promote,
    "abort": _abort,
    "rollback": _rollback,
    "retry": _retry,
}
