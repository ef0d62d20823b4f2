"""The rollout: from what is remembered and seen to what is remembered next.

Shares only rise for a candidate that is available and that every router knows; every rise waits
until every router has said that it runs the last one. Promotion and rollback move shares and
nothing else. Nothing here scales: who may lose its Pods is found by `drained`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from comal_operator.core.serving.memory import (
    FULL,
    NONE,
    Draining,
    Memory,
    Rejection,
    Role,
    whole_second,
)
from comal_operator.core.serving.observed import RevisionSeen
from comal_operator.core.serving.reasons import RejectionReason as Reason
from comal_operator.core.serving.schedule import Schedule

_UNSEEN = RevisionSeen()


@dataclass(frozen=True)
class Target:
    """The revision that the spec wants; its snapshot exists."""

    revision: str
    model_version: str
    digest: str


Revisions = Mapping[str, RevisionSeen]


def advance(
    memory: Memory,
    *,
    target: Target | None,
    is_resolved: bool,
    is_confirmed: bool,
    revisions: Revisions,
    schedule: Schedule,
    now: datetime,
) -> Memory:
    """Return what to remember next; the same if there is nothing to do yet.

    `target` is None until the wanted revision has its snapshot; `is_resolved` tells whether there
    is a model at all. Without one, what the spec wants is surely not the candidate.
    `is_confirmed` tells that all routers were asked just now and run what is remembered: one that
    was away when the others acknowledged may be back with older shares.
    """
    if not is_resolved and memory.stable is not None:
        memory = _without_candidate(memory)
    if target is not None:
        memory = _reconsider(memory, target, now)
        memory = _judge(memory, revisions, schedule, now)
        memory = _raise(memory, is_confirmed, revisions, schedule, now)
    memory = _end_of_bake(memory, schedule, now)
    memory = _strays(memory, revisions)
    return _drain(memory, revisions, now)


def drained(memory: Memory, schedule: Schedule, now: datetime) -> list[str]:
    """Return the revisions that have been without requests for long enough to lose their Pods."""
    return [
        one.revision
        for one in memory.draining
        if one.since is not None and now >= one.since + schedule.drain
    ]


def next_moment(
    memory: Memory, schedule: Schedule, revisions: Revisions, now: datetime
) -> datetime | None:
    """Return when time alone changes what there is to do; None if only an event can."""
    moments: list[datetime] = []
    candidate = memory.candidate
    if candidate is not None:
        seen = revisions.get(candidate.revision, _UNSEEN)
        moments.append(candidate.since + schedule.deadline)
        moments.append(candidate.since + schedule.startup_timeout)
        if seen.unavailable_since is not None:
            moments.append(seen.unavailable_since + schedule.startup_timeout)
        if memory.weight is not None and memory.step_since is not None:
            moments.append(memory.step_since + schedule.hold(memory.weight))
    if memory.previous is not None:
        moments.append(memory.previous.since + schedule.bake)
    moments += [one.since + schedule.drain for one in memory.draining if one.since is not None]
    return min((one for one in moments if one > now), default=None)


def _reconsider(memory: Memory, target: Target, now: datetime) -> Memory:
    """Let the candidate be what the spec wants now, if that is not what serves already."""
    candidate = memory.candidate
    if candidate is not None and candidate.revision == target.revision:
        return memory
    memory = _without_candidate(memory)
    if memory.stable is not None and memory.stable.revision == target.revision:
        return memory
    if memory.rejection(target.revision) is not None:
        return memory
    previous = memory.previous
    # Back to what served until a moment ago: it is warm, so it takes over without steps.
    is_warm = previous is not None and previous.revision == target.revision
    role = Role(
        target.revision, target.model_version, target.digest, whole_second(now), warm=is_warm
    )
    return replace(
        memory,
        candidate=role,
        previous=None if is_warm else previous,
        draining=tuple(one for one in memory.draining if one.revision != target.revision),
    )


def _without_candidate(memory: Memory) -> Memory:
    if memory.candidate is None:
        return memory
    leaving = Draining(memory.candidate.revision)
    return replace(
        memory,
        candidate=None,
        weight=None,
        step_since=None,
        draining=(*memory.draining, leaving),
    )


def _judge(memory: Memory, revisions: Revisions, schedule: Schedule, now: datetime) -> Memory:
    """Roll the candidate back if it has failed. Without a stable revision there is no way back."""
    candidate = memory.candidate
    if candidate is None or memory.stable is None:
        return memory
    verdict = _verdict(memory, candidate, revisions, schedule, now)
    if verdict is None:
        return memory
    reason, message = verdict
    rejection = Rejection(
        candidate.revision, candidate.model_version, reason, message, whole_second(now)
    )
    others = tuple(one for one in memory.rejected if one.revision != candidate.revision)
    return replace(_without_candidate(memory), rejected=(rejection, *others))


def _verdict(
    memory: Memory, candidate: Role, revisions: Revisions, schedule: Schedule, now: datetime
) -> tuple[str, str] | None:
    """Return reason and message if the candidate has failed."""
    seen = revisions.get(candidate.revision, _UNSEEN)
    why = f": {seen.problem.reason}: {seen.problem.message}" if seen.problem else ""
    pods = f"{seen.ready} of {seen.wanted} Pods are ready{why}"
    if seen.problem is not None and seen.problem.final:
        return seen.problem.reason, seen.problem.message
    is_almost_there = memory.weight == FULL and is_due(memory, revisions, schedule, now)
    if now >= candidate.since + schedule.deadline and not is_almost_there:
        share = memory.weight or NONE
        return (
            Reason.DEADLINE_EXCEEDED,
            f"not promoted within {_text(schedule.deadline)}; it had {share} percent, {pods}",
        )
    patience = schedule.startup_timeout
    is_new = memory.weight is None and not seen.is_available
    if is_new and now >= candidate.since + patience:
        return Reason.STARTUP_TIMEOUT, f"not available within {_text(patience)}; {pods}"
    since = seen.unavailable_since
    if memory.weight is not None and seen.ready == 0 and since and now >= since + patience:
        return (
            Reason.CANDIDATE_UNAVAILABLE,
            f"no Pod has answered for {_text(patience)}; {pods}",
        )
    return None


def _text(length: timedelta) -> str:
    return f"{length.total_seconds():g}s"


def is_due(memory: Memory, revisions: Revisions, schedule: Schedule, now: datetime) -> bool:
    """Return whether the candidate may go on as soon as the routers confirm its share."""
    candidate = memory.candidate
    if candidate is None or not _is_held(memory, schedule, now):
        return False
    return revisions.get(candidate.revision, _UNSEEN).is_available


def _raise(
    memory: Memory, is_confirmed: bool, revisions: Revisions, schedule: Schedule, now: datetime
) -> Memory:
    """Give the candidate its next share, or what it has worked for."""
    candidate = memory.candidate
    if candidate is None:
        return memory
    seen = revisions.get(candidate.revision, _UNSEEN)
    if memory.weight is None:
        if not seen.is_available:
            return memory
        at_once = memory.stable is None or candidate.warm
        # First at nothing: its endpoints reach the routers, and their health checks it.
        return replace(memory, weight=FULL if at_once else NONE, step_since=None)
    if memory.step_since is None:
        if not memory.is_acknowledged:
            return memory
        memory = replace(memory, step_since=whole_second(now))
    weight = memory.weight
    if weight is None or not is_confirmed or not is_due(memory, revisions, schedule, now):
        return memory
    if weight == FULL:
        return _promoted(memory, candidate, now)
    return replace(memory, weight=schedule.after(weight), step_since=None)


def _is_held(memory: Memory, schedule: Schedule, now: datetime) -> bool:
    """Return whether the share has been everywhere for as long as the step says."""
    if memory.weight is None or memory.step_since is None:
        return False
    hold = schedule.hold(memory.weight)
    return not hold or now >= memory.step_since + hold


def _promoted(memory: Memory, candidate: Role, now: datetime) -> Memory:
    """Return the candidate as stable; routers need no change, its share is all of it already."""
    moment = whole_second(now)
    former = memory.stable
    evicted = () if memory.previous is None else (Draining(memory.previous.revision),)
    bakes = former is not None
    return replace(
        memory,
        stable=replace(candidate, since=moment, warm=False),
        candidate=None,
        previous=replace(former, since=moment) if former is not None else memory.previous,
        weight=None,
        step_since=None,
        draining=(*memory.draining, *evicted) if bakes else memory.draining,
    )


def _end_of_bake(memory: Memory, schedule: Schedule, now: datetime) -> Memory:
    previous = memory.previous
    if previous is None or now < previous.since + schedule.bake:
        return memory
    leaving = Draining(previous.revision)
    return replace(memory, previous=None, draining=(*memory.draining, leaving))


def _strays(memory: Memory, revisions: Revisions) -> Memory:
    """Send away what runs without a role: nobody remembers why, so nobody needs it."""
    known = memory.in_use | {one.revision for one in memory.draining}
    if not memory.in_use:
        return memory
    strays = [one for one in sorted(revisions) if revisions[one].wanted and one not in known]
    return replace(memory, draining=(*memory.draining, *(Draining(one) for one in strays)))


def _drain(memory: Memory, revisions: Revisions, now: datetime) -> Memory:
    """Begin the drain of those that every router has left; forget those that have no Pods."""
    moment = whole_second(now)
    left = []
    for one in memory.draining:
        if not revisions.get(one.revision, _UNSEEN).wanted:
            continue
        starts = one.since is None and memory.is_acknowledged
        left.append(replace(one, since=moment) if starts else one)
    return replace(memory, draining=tuple(left))
