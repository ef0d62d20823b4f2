"""How a candidate rises: one step at a time, each everywhere before the next is weighed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from comal_operator.api.rollout_smoke import Smoke
from comal_operator.core.conditions import timestamp
from comal_operator.core.serving.analysis import begun, concluded, requests_of
from comal_operator.core.serving.answers import uncompared
from comal_operator.core.serving.checks import open_check
from comal_operator.core.serving.memory import FULL, NONE, Draining, Memory, Role, whole_second
from comal_operator.core.serving.reasons import ServingReason as Reason
from comal_operator.core.serving.schedule import Schedule
from comal_operator.core.serving.sight import Sight


@dataclass(frozen=True)
class Wait:
    """What the candidate waits for at its step."""

    reason: Reason
    message: str


def climbed(memory: Memory, sight: Sight) -> Memory:
    """Return `memory` with the candidate's next share, or with what it has worked for."""
    candidate = memory.candidate
    if candidate is None:
        return memory
    if memory.weight is None:
        return _entered(memory, candidate, sight)
    if memory.step_since is None:
        if not sight.is_confirmed:
            return memory
        memory = begun(replace(memory, step_since=whole_second(sight.now)), sight)
    if not sight.is_confirmed or waits_for(memory, sight) is not None:
        return memory
    if memory.weight == FULL:
        return _promoted(memory, candidate, sight.now)
    following = sight.schedule.after(memory)
    return replace(
        concluded(memory, sight),
        weight=following.weight,
        shadow=following.shadow,
        step_since=None,
        approved=False,
    )


def waits_for(memory: Memory, sight: Sight) -> Wait | None:
    """Return what keeps the candidate at a step that every router has; None if nothing does."""
    candidate, since = memory.candidate, memory.step_since
    if candidate is None or since is None:
        return None
    if not sight.seen(candidate.revision).is_available:
        return Wait(Reason.PROGRESSING, f"waits until all Pods of {candidate.model_version} answer")
    if memory.is_hurried:
        return None
    return (
        held(memory, sight)
        or _smoke(memory, sight, candidate)
        or _time(memory, sight, since)
        or _traffic(memory, sight)
        or _answers(memory, sight)
        or _check(memory, sight)
        or _approval(memory, sight, candidate)
    )


def first_smoke(memory: Memory, schedule: Schedule) -> Smoke | None:
    """Return the smoke test of an endpoint's first revision; None if it needs none any more."""
    candidate = memory.candidate
    if candidate is None or memory.stable is not None or memory.weight is not None:
        return None
    return None if candidate.expedited or memory.smoke is not None else schedule.smoke


def step_ends(memory: Memory, sight: Sight) -> datetime | None:
    """Return when the time of the present step is over; None if it has not begun."""
    if memory.weight is None or memory.step_since is None:
        return None
    return memory.step_since + sight.schedule.stage(memory).hold


def held(memory: Memory, sight: Sight) -> Wait | None:
    """Return who holds the candidate at its share; None if nobody does."""
    if memory.is_hurried:
        return None
    hold = memory.hold
    if hold is not None:
        reason = Reason.PAUSED if hold.reason == Reason.PAUSED else Reason.HELD
        return Wait(reason, f"{hold.message} since {timestamp(hold.since)}")
    if memory.suspended:
        return Wait(Reason.SUSPENDED, "spec.suspend is true")
    if sight.schedule.paused:
        return Wait(Reason.PAUSED, "spec.rollout.paused is true")
    return None


def _time(memory: Memory, sight: Sight, since: datetime) -> Wait | None:
    until = since + sight.schedule.stage(memory).hold
    if until <= since or sight.now >= until:
        return None
    following = sight.schedule.after(memory)
    return Wait(Reason.PROGRESSING, f"until {timestamp(until)}, then {following}")


def _smoke(memory: Memory, sight: Sight, candidate: Role) -> Wait | None:
    if sight.schedule.stage(memory).smoke is None or memory.smoke is not None:
        return None
    return Wait(Reason.SMOKE_TESTING, f"the smoke test of {candidate.model_version} runs")


def _traffic(memory: Memory, sight: Sight) -> Wait | None:
    wanted = sight.schedule.stage(memory).min_requests
    if wanted is None or sight.schedule.analysis.on_insufficient_traffic == "Promote":
        return None
    if requests_of(memory, sight) >= wanted:
        return None
    return Wait(Reason.AWAITING_TRAFFIC, f"until {wanted} requests came at this step")


def _answers(memory: Memory, sight: Sight) -> Wait | None:
    said = uncompared(memory, sight)
    return None if said is None else Wait(Reason.AWAITING_TRAFFIC, said)


def _check(memory: Memory, sight: Sight) -> Wait | None:
    said = open_check(memory, sight)
    return None if said is None else Wait(Reason.CHECKING, said)


def _approval(memory: Memory, sight: Sight, candidate: Role) -> Wait | None:
    given = memory.approved or candidate.revision in sight.schedule.approved_revisions
    if not sight.schedule.stage(memory).needs_approval or given:
        return None
    return Wait(
        Reason.AWAITING_APPROVAL,
        f"waits for approval: kubectl comal approve, or {candidate.revision} in"
        " spec.rollout.approvedRevisions",
    )


def _entered(memory: Memory, candidate: Role, sight: Sight) -> Memory:
    """Return `memory` with the candidate in the routers, once it is available."""
    if not sight.seen(candidate.revision).is_available:
        return memory
    if first_smoke(memory, sight.schedule) is not None:
        # Nothing could take its place in the routers, so they do not know it before it is right.
        # A wrong answer is not remembered: it stands until the test or the revision changes.
        if sight.smoke is None or not sight.smoke.passed:
            return memory
        memory = replace(memory, smoke=sight.smoke)
    at_once = memory.stable is None or candidate.warm
    # First at nothing: its endpoints reach the routers, and their health checks it.
    return replace(memory, weight=FULL if at_once else NONE, step_since=None)


def _promoted(memory: Memory, candidate: Role, now: datetime) -> Memory:
    """Return the candidate as stable; routers need no change, its share is all of it already."""
    moment = whole_second(now)
    former = memory.stable
    evicted = () if memory.previous is None else (Draining(memory.previous.revision),)
    bakes = former is not None
    return replace(
        memory.without_progress(),
        stable=replace(candidate, since=moment, warm=False, expedited=False),
        candidate=None,
        previous=replace(former, since=moment) if former is not None else memory.previous,
        draining=(*memory.draining, *evicted) if bakes else memory.draining,
    )
