"""Whether a candidate answers as stable does: what copies of requests tell, round by round.

A round is a Job of its own (answer_jobs): it compares what the scoring Pods of both have kept since
the round before. Its counts are added up while the step goes on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from comal_operator.api.rollout_analysis import AnswerAnalysis
from comal_operator.core.durations import parse_duration
from comal_operator.core.names import short_hash
from comal_operator.core.serving.latched import Answers, Evidence
from comal_operator.core.serving.memory import FULL, Memory
from comal_operator.core.serving.reasons import RejectionReason as Reason
from comal_operator.core.serving.schedule import Schedule
from comal_operator.core.serving.sequential import is_above
from comal_operator.core.serving.sight import Sight

_RISK: Final = 0.01
# Soon, so that the first differences are not found by chance at the end of a short step.
_FIRST: Final = timedelta(seconds=10)
# Pods that show no answers are not asked again at once.
_TRY_AGAIN: Final = timedelta(minutes=1)


def rule_of(schedule: Schedule) -> AnswerAnalysis:
    """Return what the spec says of answers."""
    return schedule.analysis.answers or AnswerAnalysis()


def is_copied(memory: Memory, schedule: Schedule) -> bool:
    """Return whether the candidate gets copies of requests that stable answers."""
    begun = memory.stable is not None and memory.step_since is not None
    if not begun or memory.candidate is None or memory.is_hurried or memory.suspended:
        return False
    return memory.weight != FULL and (memory.shadow is not None or schedule.mirrors)


def due(memory: Memory, schedule: Schedule) -> datetime | None:
    """Return from when on the next round is wanted; None if there is nothing to compare."""
    if not is_copied(memory, schedule) or memory.step_since is None:
        return None
    every, before = parse_duration(rule_of(schedule).every), answers_of(memory, schedule)
    if before is None:
        return memory.step_since + min(every, _FIRST)
    return before.until + (max(every, _TRY_AGAIN) if before.problem else every)


def round_key(memory: Memory, schedule: Schedule) -> str:
    """Return what names the next round: each life of a candidate, and each resume, has its own."""
    candidate, before = memory.candidate, answers_of(memory, schedule)
    life = (candidate.revision, candidate.since.isoformat()) if candidate else ()
    resumed = [one.text for one in memory.handled if one.text.startswith("resume@")]
    rounds = before.rounds if before is not None else 0
    return short_hash("answers", life, str(schedule.stage(memory)), rounds, resumed[:1])


def answers_of(memory: Memory, schedule: Schedule) -> Answers | None:
    """Return what was compared at the present step."""
    found = memory.evidence.answers if memory.evidence is not None else None
    return found if found is not None and found.step == str(schedule.stage(memory)) else None


def remembered_answers(memory: Memory, sight: Sight) -> Memory:
    """Return `memory` with what a round that has ended since has found."""
    told = sight.compared
    if told is None or not is_copied(memory, sight.schedule):
        return memory
    before = answers_of(memory, sight.schedule)
    before = before or Answers(str(sight.schedule.stage(memory)), told.until)
    found = replace(
        before,
        compared=before.compared + told.compared,
        different=before.different + told.different,
        greatest=max(before.greatest, told.greatest),
        rounds=before.rounds + 1,
        until=told.until,
        problem=told.problem,
    )
    evidence = memory.evidence or Evidence("Undecided")
    return replace(memory, evidence=replace(evidence, answers=found))


def differing(memory: Memory, sight: Sight) -> tuple[str, str] | None:
    """Return reason and message if too many answers differ, or cannot be compared at all."""
    rule, found = rule_of(sight.schedule), answers_of(memory, sight.schedule)
    if rule.max_different is None or found is None or not is_copied(memory, sight.schedule):
        return None
    if is_above(found.different, found.compared, float(rule.max_different), _RISK):
        said = f"{found}; at most {rule.max_different} of them may"
        return Reason.DIFFERENT_ANSWERS, said
    if found.problem and sight.schedule.analysis.on_error == "Rollback":
        return Reason.CHECK_ERROR, found.problem
    return None


def uncompared(memory: Memory, sight: Sight) -> str | None:
    """Return what keeps a candidate whose answers are judged from being judged yet."""
    analysis, rule = sight.schedule.analysis, rule_of(sight.schedule)
    if rule.max_different is None or not is_copied(memory, sight.schedule):
        return None
    found = answers_of(memory, sight.schedule)
    compared = found.compared if found is not None else 0
    if compared >= rule.min_requests:
        return None
    if found is not None and found.problem:
        return None if analysis.on_error == "Continue" else f"{found.problem}; it is asked again"
    if analysis.on_insufficient_traffic == "Promote" and found is not None:
        return None
    return f"until {rule.min_requests} answers are compared at this step, {compared} so far"
