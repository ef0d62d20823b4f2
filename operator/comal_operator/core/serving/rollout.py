"""The rollout: from what is remembered and seen to what is remembered next.

Shares only rise for a candidate that is available and that every router knows; every rise waits
until every router has said that it runs the last one. Promotion and rollback move shares and
nothing else. Nothing here scales: who may lose its Pods is found by `drained`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from comal_operator.core.serving.analysis import observed
from comal_operator.core.serving.answers import due
from comal_operator.core.serving.checks import next_due
from comal_operator.core.serving.climb import climbed, step_ends
from comal_operator.core.serving.judgement import judged, start_of
from comal_operator.core.serving.memory import Draining, Memory, Role, whole_second
from comal_operator.core.serving.requests import answered
from comal_operator.core.serving.roles import without_candidate
from comal_operator.core.serving.schedule import Schedule
from comal_operator.core.serving.sight import Sight, Target
from comal_operator.core.serving.variants import changes_alone, varied


def advance(memory: Memory, sight: Sight) -> Memory:
    """Return what to remember next; the same if there is nothing to do yet."""
    if not sight.is_resolved and memory.stable is not None:
        memory = without_candidate(memory)
    memory = answered(_suspended(memory, sight), sight)
    if sight.target is not None:
        memory = _reconsidered(memory, sight.target, sight.now)
        memory = judged(memory, sight)
        memory = climbed(memory, sight)
    memory = varied(memory, sight)
    memory = _end_of_bake(memory, sight.schedule, sight.now)
    memory = _strays(memory, sight)
    return observed(_drain(memory, sight), sight)


def drained(memory: Memory, schedule: Schedule, now: datetime) -> list[str]:
    """Return the revisions that have been without requests for long enough to lose their Pods."""
    return [
        one.revision
        for one in memory.draining
        if one.since is not None and now >= one.since + schedule.drain
    ]


def next_moment(memory: Memory, sight: Sight) -> datetime | None:
    """Return when time alone changes what there is to do; None if only an event can."""
    schedule, now = sight.schedule, sight.now
    moments: list[datetime] = []
    candidate = memory.candidate
    if candidate is not None:
        seen = sight.seen(candidate.revision)
        moments.append(candidate.since + schedule.deadline)
        moments.append(start_of(candidate, seen) + schedule.startup_timeout)
        if seen.unavailable_since is not None:
            moments.append(seen.unavailable_since + schedule.startup_timeout)
        moments += next_due(memory, sight)
        compares = due(memory, schedule)
        if compares is not None:
            moments.append(compares)
        ends = step_ends(memory, sight)
        if ends is not None:
            moments.append(ends)
    if memory.previous is not None:
        moments.append(memory.previous.since + schedule.bake)
    moments += changes_alone(memory, sight)
    moments += [one.since + schedule.drain for one in memory.draining if one.since is not None]
    return min((one for one in moments if one > now), default=None)


def _suspended(memory: Memory, sight: Sight) -> Memory:
    """Return `memory` as answered or not as the spec wants it; a step begins anew after that."""
    if memory.suspended == sight.schedule.suspended:
        return memory
    return replace(memory, suspended=sight.schedule.suspended, step_since=None)


def _reconsidered(memory: Memory, target: Target, now: datetime) -> Memory:
    """Let the candidate be what the spec wants now, if that is not what serves already."""
    candidate = memory.candidate
    if candidate is not None and candidate.revision == target.revision:
        return memory
    memory = without_candidate(memory)
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
        memory.without_progress(),
        candidate=role,
        previous=None if is_warm else previous,
        draining=tuple(one for one in memory.draining if one.revision != target.revision),
    )


def _end_of_bake(memory: Memory, schedule: Schedule, now: datetime) -> Memory:
    previous = memory.previous
    if previous is None or now < previous.since + schedule.bake:
        return memory
    leaving = Draining(previous.revision)
    return replace(memory, previous=None, draining=(*memory.draining, leaving))


def _strays(memory: Memory, sight: Sight) -> Memory:
    """Send away what runs without a role: nobody remembers why, so nobody needs it."""
    known = memory.in_use | {one.revision for one in memory.draining}
    if not memory.in_use:
        return memory
    running = (one for one in sorted(sight.revisions) if sight.revisions[one].wanted)
    strays = tuple(Draining(one) for one in running if one not in known)
    return replace(memory, draining=(*memory.draining, *strays))


def _drain(memory: Memory, sight: Sight) -> Memory:
    """Begin the drain of those that every router has left; forget those that have no Pods."""
    moment = whole_second(sight.now)
    left = []
    for one in memory.draining:
        if not sight.seen(one.revision).wanted:
            continue
        starts = one.since is None and memory.is_acknowledged
        left.append(replace(one, since=moment) if starts else one)
    return replace(memory, draining=tuple(left))
