"""Whether a candidate is good enough: the routers' counters in, a verdict out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import reduce

from comal_operator.core.serving.counters import Counters
from comal_operator.core.serving.latched import Count, Evidence
from comal_operator.core.serving.memory import Memory
from comal_operator.core.serving.reasons import RejectionReason as Reason
from comal_operator.core.serving.sequential import highest_likely_rate, is_above
from comal_operator.core.serving.sight import Sight

_RISK = 0.01
_FEWEST_OBSERVED = 10
# The last seconds are tested from a dozen starting points, so each one must say more.
_RISK_OF_RECENT = 0.001


@dataclass(frozen=True)
class Failure:
    """Why the candidate is not good enough, in numbers."""

    reason: str
    message: str
    evidence: Evidence


@dataclass(frozen=True)
class _Pair:
    """What candidate and stable were asked and answered in the same time."""

    candidate: Counters
    stable: Counters

    def evidence(self, verdict: str, message: str) -> Evidence:
        return Evidence(
            verdict,
            message[:500],
            self.candidate.requests,
            self.candidate.errors,
            self.stable.requests,
            self.stable.errors,
        )


def begun(memory: Memory, sight: Sight) -> Memory:
    """Return `memory` with the counters from which the present step is counted."""
    if memory.stable is None or memory.candidate is None or not sight.readings:
        return memory
    revisions = (memory.stable.revision, memory.candidate.revision)
    baseline = tuple(
        Count(router, revision, counted.requests, counted.errors)
        for router, reading in sorted(sight.readings.items())
        for revision in revisions
        if (counted := reading.now.get(revision)) is not None
    )
    before = memory.evidence or Evidence("Undecided")
    return replace(memory, evidence=replace(before, baseline=baseline))


def concluded(memory: Memory, sight: Sight) -> Memory:
    """Return `memory` with the numbers of the step that ends."""
    if memory.evidence is None or sight.readings is None or memory.weight is None:
        return memory
    pair = _pair(memory, sight)
    stage = sight.schedule.stage(memory)
    if not pair.candidate.requests:
        return memory
    said = f"{_told(pair.candidate)} at {stage} percent; stable {_told(pair.stable)}"
    before = memory.evidence
    found = pair.evidence("Healthy", said)
    kept = replace(found, baseline=before.baseline, checks=before.checks, answers=before.answers)
    return replace(memory, evidence=kept)


def requests_of(memory: Memory, sight: Sight) -> int:
    """Return how many requests the candidate has had at this step; 0 if routers have not told."""
    return _pair(memory, sight).candidate.requests


def observed(memory: Memory, sight: Sight) -> Memory:
    """Return `memory` with how requests were really split at this step, if there is news of it.

    Told each time that their number has doubled: twenty writes tell of a million requests.
    """
    roles = (memory.stable, memory.candidate)
    if None in roles or memory.step_since is None or memory.shadow is not None:
        return replace(memory, observed={}) if memory.observed else memory
    counts = {
        one.revision: _since(one.revision, memory, sight).requests
        for one in roles
        if one is not None
    }
    least = max(_FEWEST_OBSERVED, 2 * sum(memory.observed.values()))
    return replace(memory, observed=counts) if sum(counts.values()) >= least else memory


def has_errors(memory: Memory, sight: Sight) -> bool:
    """Return whether the candidate has failed at all at this step: then each moment counts."""
    return sight.readings is not None and _pair(memory, sight).candidate.errors > 0


def failure(memory: Memory, sight: Sight) -> Failure | None:
    """Return why the candidate is not good enough; None while that is not shown."""
    ready = memory.candidate and memory.stable and memory.step_since
    if not ready or sight.readings is None:
        return None
    pair = _pair(memory, sight)
    found = _errors(pair, memory, sight) or _worse(pair, sight) or _slow(pair, memory, sight)
    if found is None:
        return None
    reason, message = found
    before, failed = memory.evidence or Evidence("Undecided"), pair.evidence("Failed", message)
    kept = replace(failed, checks=before.checks, answers=before.answers)
    return Failure(reason, message, kept)


def _errors(pair: _Pair, memory: Memory, sight: Sight) -> tuple[str, str] | None:
    bound = sight.schedule.analysis.errors.max_rate
    share = f"{memory.weight} percent"
    if is_above(pair.candidate.errors, pair.candidate.requests, float(bound), _RISK):
        return Reason.ERROR_RATE, f"{_told(pair.candidate)} at {share}; at most {bound} may fail"
    for recent in _recent(memory, sight):
        if is_above(recent.errors, recent.requests, float(bound), _RISK_OF_RECENT):
            said = f"{_told(recent)} in the last seconds at {share}; at most {bound} may fail"
            return Reason.ERROR_RATE, said
    return None


def _worse(pair: _Pair, sight: Sight) -> tuple[str, str] | None:
    margin = sight.schedule.analysis.errors.worse_than_stable_by
    if margin is None:
        return None
    # Stable's rate is an estimate too: what it may well be is not held against the candidate.
    bound = highest_likely_rate(pair.stable.errors, pair.stable.requests) + float(margin)
    if not is_above(pair.candidate.errors, pair.candidate.requests, bound, _RISK):
        return None
    said = f"{_told(pair.candidate)}; stable {_told(pair.stable)}; at most {margin} more may fail"
    return Reason.WORSE_THAN_STABLE, said


def _slow(pair: _Pair, memory: Memory, sight: Sight) -> tuple[str, str] | None:
    """Find a candidate of which too many answers are slower than stable's quantile allows.

    A quantile's bound is a bound on a share: if p95 may be 1.2 times stable's, then at most 5 of a
    hundred answers may take longer than that; so one test judges errors and latency.
    """
    rule = sight.schedule.analysis.latency
    if rule is None or memory.candidate is None or memory.stable is None:
        return None
    mine, theirs = pair.candidate.latency, pair.stable.latency
    if min(sum(mine.values()), sum(theirs.values())) < rule.min_requests:
        return None
    share = float(rule.quantile.removeprefix("p")) / 100
    limit = quantile(theirs, share) * float(rule.max_ratio_to_stable)
    slow = sum(count for bound, count in mine.items() if bound > limit)
    if not is_above(slow, sum(mine.values()), 1 - share, _RISK):
        return None
    said = (
        f"{rule.quantile} {quantile(mine, share):g} ms against stable's"
        f" {quantile(theirs, share):g} ms ({sum(mine.values())} answers);"
        f" at most {rule.max_ratio_to_stable} times as long is allowed"
    )
    return Reason.LATENCY, said


def quantile(latency: Mapping[float, int], share: float) -> float:
    """Return the duration in milliseconds that `share` of the answers did not exceed."""
    left = share * sum(latency.values())
    for bound in sorted(latency):
        left -= latency[bound]
        if left <= 0:
            return bound
    return max(latency, default=0.0)


def _pair(memory: Memory, sight: Sight) -> _Pair:
    candidate = memory.candidate.revision if memory.candidate else ""
    stable = memory.stable.revision if memory.stable else ""
    return _Pair(_since(candidate, memory, sight), _since(stable, memory, sight))


def _since(revision: str, memory: Memory, sight: Sight) -> Counters:
    """Return what all routers together have counted since the step began."""
    baseline = memory.evidence.baseline if memory.evidence else ()
    start = {one.router: one for one in baseline if one.revision == revision}
    return _sum(
        reading.now.get(revision, Counters()).since(start[router].requests, start[router].errors)
        if router in start
        else reading.now.get(revision, Counters())
        for router, reading in (sight.readings or {}).items()
    )


def _recent(memory: Memory, sight: Sight) -> Iterable[Counters]:
    """Yield what the candidate did since each of the last readings, the shortest time first."""
    revision = memory.candidate.revision if memory.candidate else ""
    readings = (sight.readings or {}).values()
    whole = _since(revision, memory, sight)
    for back in range(max((len(one.recent) for one in readings), default=0)):
        since = _sum(
            one.now.get(revision, Counters()).since(then.requests, then.errors)
            for one in readings
            if one.recent
            for then in (one.recent[min(back, len(one.recent) - 1)].get(revision, Counters()),)
        )
        # Before the step began there may have been another life of this revision.
        if since.requests <= whole.requests:
            yield since


def _sum(counters: Iterable[Counters]) -> Counters:
    return reduce(Counters.__add__, counters, Counters())


def _told(counters: Counters) -> str:
    if not counters.requests:
        return "no requests"
    rate = Decimal(counters.errors) / Decimal(counters.requests) * 100
    return f"{counters.errors} of {counters.requests} requests failed ({rate:.1f} %)"
