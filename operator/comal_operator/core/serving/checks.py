"""The further checks of a candidate: which are due, what they hold up, when one has failed.

A check is asked in rounds, each a Job of its own (check_jobs). What a round said is remembered with
the step of which it was asked; an answer about another step holds nothing up.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from comal_operator.api.rollout_checks import Check
from comal_operator.core.durations import parse_duration
from comal_operator.core.names import short_hash
from comal_operator.core.serving.latched import CheckResult, Evidence
from comal_operator.core.serving.memory import NONE, Memory
from comal_operator.core.serving.reasons import RejectionReason as Reason
from comal_operator.core.serving.schedule import Schedule
from comal_operator.core.serving.sight import Sight

PASSED: Final = "Passed"
FAILED: Final = "Failed"
ERROR: Final = "Error"
# A Job that could not be run is not made again at once.
_TRY_AGAIN: Final = timedelta(minutes=1)
_SHOWN = 500


def asked(memory: Memory, schedule: Schedule) -> list[Check]:
    """Return the checks that the candidate must pass at the step that it is at."""
    if memory.stable is None or memory.step_since is None or memory.is_hurried:
        return []
    has_requests = bool(Decimal(memory.weight or NONE)) or memory.shadow is not None
    return [one for one in schedule.analysis.checks if has_requests or _is_once(one)]


def due(memory: Memory, schedule: Schedule, now: datetime) -> list[Check]:
    """Return those of which an answer is wanted now."""
    moments = [(one, _due_at(one, memory, schedule)) for one in asked(memory, schedule)]
    return [one for one, moment in moments if moment is not None and now >= moment]


def next_due(memory: Memory, sight: Sight) -> list[datetime]:
    """Return when time alone makes a check due."""
    found = asked(memory, sight.schedule)
    moments = [_due_at(one, memory, sight.schedule) for one in found]
    return [one for one in moments if one is not None]


def round_key(check: Check, memory: Memory, schedule: Schedule) -> str:
    """Return what names the next round: each life of a candidate, and each resume, has its own."""
    candidate = memory.candidate
    life = (candidate.revision, candidate.since.isoformat()) if candidate else ()
    resumed = [one.text for one in memory.handled if one.text.startswith("resume@")]
    result = result_of(check, memory, schedule)
    rounds = result.rounds if result is not None else 0
    return short_hash(life, check.to_wire(), _step(check, memory, schedule), rounds, resumed[:1])


def result_of(check: Check, memory: Memory, schedule: Schedule) -> CheckResult | None:
    """Return how the check ended the last time that it was asked of this step."""
    step = _step(check, memory, schedule)
    results = memory.evidence.checks if memory.evidence else ()
    return next((one for one in results if (one.name, one.step) == (check.name, step)), None)


def remembered_rounds(memory: Memory, sight: Sight) -> Memory:
    """Return `memory` with what the rounds that have ended since have said."""
    found: dict[str, CheckResult] = {}
    for check in due(memory, sight.schedule, sight.now):
        told = sight.checks.get(round_key(check, memory, sight.schedule))
        if told is None or told.state is None:
            continue
        before = result_of(check, memory, sight.schedule)
        found[check.name] = CheckResult(
            check.name,
            _step(check, memory, sight.schedule),
            told.state,
            told.message[:_SHOWN],
            told.at,
            1 + (before.rounds if before else 0),
            1 + (before.failures if before else 0) if told.state == FAILED else 0,
        )
    if not found:
        return memory
    evidence = memory.evidence or Evidence("Undecided")
    wanted = {one.name for one in sight.schedule.analysis.checks} - set(found)
    kept = [one for one in evidence.checks if one.name in wanted]
    results = sorted((*kept, *found.values()), key=lambda one: one.name)
    return replace(memory, evidence=replace(evidence, checks=tuple(results)))


def failed_check(memory: Memory, sight: Sight) -> tuple[str, str] | None:
    """Return reason and message if a check says that the candidate is not good enough."""
    for check in asked(memory, sight.schedule):
        result = result_of(check, memory, sight.schedule)
        if result is None:
            continue
        said = f"check {check.name}: {result.message}"
        if result.state == FAILED and result.failures >= _patience(check):
            return Reason.CHECK_FAILED, said
        if result.state == ERROR and sight.schedule.analysis.on_error == "Rollback":
            return Reason.CHECK_ERROR, said
    return None


def open_check(memory: Memory, sight: Sight) -> str | None:
    """Return which check keeps the candidate at its step, and how it stands."""
    schedule = sight.schedule
    for check in asked(memory, schedule):
        result = result_of(check, memory, schedule)
        if _is_settled(check, result, memory, schedule):
            continue
        told = sight.checks.get(round_key(check, memory, schedule))
        if told is not None and told.message:
            return f"check {check.name} runs: {told.message}"
        if result is not None and result.state != PASSED:
            return f"check {check.name}: {result.message}; it is asked again"
        return f"check {check.name} runs"
    return None


def _is_once(check: Check) -> bool:
    return check.job is not None and check.job.run == "Once"


def _patience(check: Check) -> int:
    return check.prometheus.failures if check.prometheus is not None else 1


def _step(check: Check, memory: Memory, schedule: Schedule) -> str:
    return "once" if _is_once(check) else str(schedule.stage(memory))


def _ends(memory: Memory, schedule: Schedule) -> datetime | None:
    """Return when the step's own time is over: a query is asked once more after it."""
    since = memory.step_since
    return None if since is None else since + schedule.stage(memory).hold


def _is_settled(
    check: Check, result: CheckResult | None, memory: Memory, schedule: Schedule
) -> bool:
    if result is None:
        return False
    goes_on = result.state == ERROR and schedule.analysis.on_error == "Continue"
    if result.state != PASSED and not goes_on:
        return False
    ends = _ends(memory, schedule)
    return check.prometheus is None or (ends is not None and result.at >= ends)


def _due_at(check: Check, memory: Memory, schedule: Schedule) -> datetime | None:
    """Return from when on an answer is wanted; None if there is one for good."""
    result = result_of(check, memory, schedule)
    ends = _ends(memory, schedule)
    if result is None:
        return memory.step_since
    if check.prometheus is None:
        again = result.state == ERROR and schedule.analysis.on_error != "Continue"
        return result.at + _TRY_AGAIN if again else None
    following = result.at + parse_duration(check.prometheus.every)
    return min(following, ends) if ends is not None and result.at < ends else following
