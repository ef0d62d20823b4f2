"""The pure step function under any sequence of moments, without a cluster around it.

Never a share for who is not ready, never a share and a scale in one step, always an end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from comal_operator.api.model_deployment import ModelDeploymentSpec
from comal_operator.core.serving.checks import asked, due, round_key
from comal_operator.core.serving.counters import Counters, Reading
from comal_operator.core.serving.latched import SmokeResult
from comal_operator.core.serving.memory import Memory, Role
from comal_operator.core.serving.observed import RevisionSeen
from comal_operator.core.serving.problems import Problem
from comal_operator.core.serving.rollout import advance, drained, next_moment
from comal_operator.core.serving.schedule import Schedule
from comal_operator.core.serving.sight import Request, Round, Sight, Target
from make import NOON

REVISIONS = ("a1", "b2", "c3")
READY = RevisionSeen(wanted=2, ready=2, is_available=True, made=NOON, addresses=(("10.0.0.1", 1),))
DOWN = replace(READY, ready=0, is_available=False, unavailable_since=NOON)
BROKEN = replace(DOWN, problem=Problem("DigestMismatch", "no", final=True))
STEPS = [
    {"percent": "0", "smoke": {}},
    {"shadow": "20", "for": "30s"},
    {"percent": "1", "minRequests": 50},
    {"percent": "10", "for": "60s"},
    {"percent": "50", "for": "60s", "approval": "Required"},
]
QUERY = {"address": "http://prometheus:9090", "query": "x", "max": "1"}
CHECKS: list[dict[str, Any]] = [
    {"name": "psi", "prometheus": {**QUERY, "every": "30s"}},
    {"name": "drift", "prometheus": {**QUERY, "failures": 2}},
    {"name": "eval", "job": {"image": "eval"}},
    {"name": "each", "job": {"image": "eval", "run": "EachStep"}},
]
DEADLINE = timedelta(hours=1)

steps = st.lists(st.sampled_from(range(len(STEPS))), unique=True).map(
    lambda picked: [STEPS[one] for one in sorted(picked)]
)
rollouts = st.fixed_dictionaries(
    {
        "steps": steps,
        "bake": st.sampled_from(["0s", "5m"]),
        "deadline": st.just("1h"),
        "onFailure": st.sampled_from(["Rollback", "Hold"]),
        "paused": st.sampled_from([False, False, False, True]),
        "approvedRevisions": st.sampled_from([[], ["b2"]]),
        "analysis": st.fixed_dictionaries(
            {
                "onInsufficientTraffic": st.sampled_from(["Hold", "Promote", "Fail"]),
                "onError": st.sampled_from(["Hold", "Rollback", "Continue"]),
                "checks": st.lists(st.sampled_from(CHECKS), unique_by=lambda one: one["name"]),
            }
        ),
    }
)


@dataclass(frozen=True)
class Moment:
    """What one look finds."""

    seconds: int
    target: str
    seen: tuple[RevisionSeen, ...]
    confirmed: bool
    errors: int
    requests: int
    smoke: bool | None
    check: str | None
    """How a further check ends; None: it has not."""
    request: str | None


verbs = st.sampled_from(["pause", "resume", "approve", "promote", "abort", "rollback", "retry"])
moments = st.builds(
    Moment,
    seconds=st.sampled_from([0, 1, 1, 31, 61, 61, 61, 900]),
    target=st.sampled_from(["b2"] * 12 + ["a1", "c3"]),
    seen=st.tuples(*[st.sampled_from([READY] * 12 + [DOWN, DOWN, BROKEN])] * 3),
    confirmed=st.sampled_from([True, True, True, False]),
    errors=st.sampled_from([0] * 15 + [5]),
    requests=st.sampled_from([0, 10, 100]),
    smoke=st.sampled_from([None] + [True] * 8 + [False]),
    check=st.sampled_from([None] + ["Passed"] * 12 + ["Failed", "Error", "Error"]),
    request=st.one_of(
        st.none(),
        st.none(),
        st.none(),
        st.none(),
        st.builds("{}@{}#{}".format, verbs, st.sampled_from(REVISIONS), st.integers(0, 9)),
    ),
)


class Life:
    """One endpoint's memory as the moments change it, and the watch over each change."""

    def __init__(self, rollout: dict[str, object], *, first: bool) -> None:
        spec = {"model": {"name": "m", "version": "1"}, "rollout": rollout}
        self.schedule = Schedule.of(ModelDeploymentSpec.model_validate(spec))
        self.now = NOON
        stable = None if first else Role("a1", "m-v1", "sha256:a", NOON)
        self.memory = Memory(stable=stable)
        self.running: set[str] = set()
        self.counters = dict.fromkeys(REVISIONS, Counters())

    def pass_by(self, moment: Moment) -> None:
        self.now += timedelta(seconds=moment.seconds)
        candidate = self.memory.candidate
        if candidate is not None:
            more = Counters(moment.requests + moment.errors, moment.errors)
            self.counters[candidate.revision] = self.counters[candidate.revision] + more
        confirmed = moment.confirmed
        if confirmed:
            self.memory = replace(self.memory, acknowledged=dict(self.memory.traffic))
        # Whoever has drained has lost its Pods by now; whoever has a role has some.
        self.running -= set(drained(self.memory, self.schedule, self.now))
        self.running |= self.memory.in_use
        revisions = {
            one: seen if one in self.running else RevisionSeen()
            for one, seen in zip(REVISIONS, moment.seen, strict=True)
        }
        sight = Sight(
            now=self.now,
            schedule=self.schedule,
            revisions=revisions,
            target=Target(moment.target, f"m-{moment.target}", "sha256:x"),
            is_confirmed=confirmed,
            readings={"router": Reading(dict(self.counters))} if confirmed else None,
            smoke=SmokeResult(moment.smoke, "said") if moment.smoke is not None else None,
            request=Request(moment.request, "alice") if moment.request else None,
        )
        rounds = {
            round_key(one, self.memory, self.schedule): Round(moment.check, "said", self.now)
            for one in due(self.memory, self.schedule, self.now)
        }
        sight = replace(sight, checks=rounds)
        after = advance(self.memory, sight)
        self.judge(self.memory, after, sight)
        self.memory = after

    def judge(self, before: Memory, after: Memory, sight: Sight) -> None:
        shares = after.traffic
        assert sum(map(Decimal, shares.values())) == (100 if shares else 0)
        if before.stable is not None:
            assert shares, "what serves was taken away"
        for revision, share in shares.items():
            if Decimal(share) > Decimal(before.traffic.get(revision, "0")) and len(shares) > 1:
                back = before.stable is not None and revision == before.stable.revision
                assert back or sight.seen(revision).is_available, (before, after)
        # Whoever may lose its Pods has no share, and none changes in the same step.
        gone = set(drained(after, self.schedule, sight.now))
        assert not gone & set(shares)
        if before.traffic != after.traffic:
            newly = gone - set(drained(before, self.schedule, sight.now))
            assert not newly, "a share and a scale in one step"
        smoked = after.candidate is not None and self.wants_smoke and not self.hurried(after)
        if not before.traffic and shares:
            assert all(sight.seen(one).is_available for one in shares)
        if smoked and Decimal(after.weight or "0"):
            assert after.smoke is not None, "a live request before the smoke test"
            assert after.smoke.passed
        rises = Decimal(after.weight or "0") > Decimal(before.weight or "0")
        if after.candidate is not None and rises and not self.hurried(after):
            # Nobody rises past a check that has not said yes, or that may be gone on without.
            goes_on = {"Passed"}
            goes_on |= {"Error"} if self.schedule.analysis.on_error == "Continue" else set()
            told = after.evidence.checks if after.evidence else ()
            results = {one.name: one.state for one in told}
            for one in asked(before, self.schedule) if before.candidate == after.candidate else ():
                assert results[one.name] in goes_on, (before, after)
        if after.candidate is not None and after.stable is not None:
            assert sight.now < after.candidate.since + DEADLINE or after.weight == "100"
        moment = next_moment(after, sight)
        assert moment is None or moment > sight.now

    @property
    def wants_smoke(self) -> bool:
        return any(one.smoke is not None for one in self.schedule.stages)

    def hurried(self, memory: Memory) -> bool:
        candidate = memory.candidate
        return candidate is not None and (candidate.warm or candidate.expedited)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    rollout=rollouts,
    life=st.lists(moments, min_size=5, max_size=40),
    good=st.booleans(),
    first=st.sampled_from([False, False, True]),
)
def test_any_moments_in_any_order(
    rollout: dict[str, object], life: list[Moment], good: bool, first: bool
) -> None:
    one = Life(rollout, first=first)
    for moment in life:
        one.pass_by(moment)
    # Then nothing happens any more but time: there is an end, and it has a name.
    calm = Moment(60, life[-1].target, (READY,) * 3, True, 0, 100, good, "Passed", None)
    for _ in range(3 * 60):
        one.pass_by(calm)
    end = one.memory
    if end.stable is None:
        # Nothing to go back to: what answers wrong, and nothing else, waits for a person.
        assert one.wants_smoke
        assert not good
        assert not end.traffic
        return
    assert end.candidate is None
    assert end.previous is None
    assert not end.draining
    served = end.stable is not None and end.stable.revision == calm.target
    assert served or end.rejection(calm.target) is not None
    for _ in range(3):
        one.pass_by(replace(calm, seconds=3600))
    assert one.memory.traffic == end.traffic
