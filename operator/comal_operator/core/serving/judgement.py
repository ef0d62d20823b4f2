"""When a candidate has failed: its Pods, its smoke test, its numbers, its time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from comal_operator.core.serving import analysis
from comal_operator.core.serving.answers import differing, remembered_answers
from comal_operator.core.serving.checks import failed_check, remembered_rounds
from comal_operator.core.serving.climb import waits_for
from comal_operator.core.serving.crash_log import with_log_last
from comal_operator.core.serving.latched import Evidence, Hold
from comal_operator.core.serving.memory import FULL, NONE, Memory, Role, whole_second
from comal_operator.core.serving.observed import RevisionSeen
from comal_operator.core.serving.reasons import RejectionReason as Reason
from comal_operator.core.serving.reasons import ServingReason
from comal_operator.core.serving.roles import rejected
from comal_operator.core.serving.sight import Sight


def judged(memory: Memory, sight: Sight) -> Memory:
    """Return `memory` with the candidate rolled back or held if it has failed.

    Without a stable revision there is no way back.
    """
    candidate = memory.candidate
    if candidate is None or memory.stable is None:
        return memory
    late = _late(memory, candidate, sight)
    if late is not None:
        return rejected(memory, *late, sight.now)
    if memory.hold is not None and memory.hold.reason != ServingReason.PAUSED:
        return memory
    memory = remembered_rounds(_remember_smoke(memory, sight), sight)
    memory = remembered_answers(memory, sight)
    counted = analysis.failure(memory, sight)
    found = _broken(memory, candidate, sight) or _untrue(memory) or _unasked(memory, sight)
    found = found or failed_check(memory, sight) or differing(memory, sight)
    if counted is not None:
        found = found or (counted.reason, counted.message)
    if found is None:
        return memory
    reason, message = found
    if not sight.schedule.holds_on_failure:
        return rejected(memory, reason, message, sight.now)
    return _held(memory, reason, message, counted.evidence if counted else None, sight)


def pods_of(seen: RevisionSeen) -> str:
    """Return how many Pods are ready, and why the others are not."""
    why = f": {seen.problem.reason}: {seen.problem.message}" if seen.problem else ""
    return f"{seen.ready} of {seen.wanted} Pods are ready{why}"


def start_of(candidate: Role, seen: RevisionSeen) -> datetime:
    """Return since when its Pods could have started: whoever shall make them may have been away."""
    return max(candidate.since, seen.made or candidate.since)


def _late(memory: Memory, candidate: Role, sight: Sight) -> tuple[str, str] | None:
    """Return reason and message once the deadline is over: nothing stays undecided for ever."""
    deadline = sight.schedule.deadline
    if sight.now < candidate.since + deadline or _is_almost_there(memory, sight):
        return None
    share = memory.weight or NONE
    pods = pods_of(sight.seen(candidate.revision))
    waits = waits_for(memory, sight)
    stood = f"; {waits.message}" if waits is not None else ""
    had = f"not promoted within {_text(deadline)}; it had {share} percent, "
    return Reason.DEADLINE_EXCEEDED, with_log_last(had, pods, stood)


def _is_almost_there(memory: Memory, sight: Sight) -> bool:
    everywhere = memory.weight == FULL and memory.step_since is not None
    return everywhere and waits_for(memory, sight) is None


def _broken(memory: Memory, candidate: Role, sight: Sight) -> tuple[str, str] | None:
    """Return reason and message if its Pods do not run."""
    seen, schedule, now = sight.seen(candidate.revision), sight.schedule, sight.now
    if seen.problem is not None and seen.problem.final:
        return seen.problem.reason, seen.problem.message
    patience = schedule.startup_timeout
    is_new = memory.weight is None and not seen.is_available
    if is_new and seen.made is not None and now >= start_of(candidate, seen) + patience:
        return Reason.STARTUP_TIMEOUT, f"within {_text(patience)} only {pods_of(seen)}"
    # Only those with a share go by their Deployment's word, and only while no Pod answers.
    since = seen.unavailable_since
    if memory.weight is not None and not seen.ready and since and now >= since + patience:
        return Reason.CANDIDATE_UNAVAILABLE, f"for {_text(patience)} {pods_of(seen)}"
    return None


def _remember_smoke(memory: Memory, sight: Sight) -> Memory:
    wanted = sight.schedule.stage(memory).smoke is not None and memory.step_since is not None
    if not wanted or memory.smoke is not None or sight.smoke is None:
        return memory
    return replace(memory, smoke=sight.smoke)


def _untrue(memory: Memory) -> tuple[str, str] | None:
    if memory.smoke is None or memory.smoke.passed:
        return None
    return Reason.SMOKE_TEST_FAILED, memory.smoke.message


def _unasked(memory: Memory, sight: Sight) -> tuple[str, str] | None:
    """Return reason and message if too few requests came and that is a failure."""
    waits = waits_for(memory, sight)
    is_failure = sight.schedule.analysis.on_insufficient_traffic == "Fail"
    if not is_failure or sight.readings is None or waits is None:
        return None
    if waits.reason != ServingReason.AWAITING_TRAFFIC:
        return None
    count, wanted = analysis.requests_of(memory, sight), sight.schedule.stage(memory).min_requests
    if wanted is None or count >= wanted:
        return Reason.INSUFFICIENT_TRAFFIC, f"its time is over; it waited {waits.message}"
    return Reason.INSUFFICIENT_TRAFFIC, f"only {count} of {wanted} requests came in its time"


def _held(
    memory: Memory, reason: str, message: str, evidence: Evidence | None, sight: Sight
) -> Memory:
    """Return `memory` with the candidate at nothing until somebody says what becomes of it."""
    return replace(
        memory,
        weight=None if memory.weight is None else NONE,
        shadow=None,
        step_since=None,
        approved=False,
        evidence=evidence or memory.evidence,
        hold=Hold("analysis", whole_second(sight.now), str(reason), message[:3000]),
    )


def _text(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds % 3600 == 0 and seconds:
        return f"{seconds // 3600}h"
    if seconds % 60 == 0 and seconds:
        return f"{seconds // 60}m"
    return f"{seconds}s"
