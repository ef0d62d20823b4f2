"""Counters in, verdict out: who is rolled back by numbers, who is not, and what is said."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from comal_operator.core.serving.analysis import quantile
from comal_operator.core.serving.counters import Counters, parse_counters
from comal_operator.core.serving.sequential import highest_likely_rate, is_above
from comal_operator.shell.router import Readings
from serving_moments import course, revisions, rolling
from serving_world import ServingWorld

STEP = [{"percent": "10", "for": "30m"}]


def climbing(**analysis: Any) -> ServingWorld:
    """Version 2 holds 10 percent for half an hour."""
    world = rolling(steps=STEP, analysis=analysis)
    world.serve(stable(world), 1000, 1)
    world.settle()
    return world


def candidate(world: ServingWorld) -> str:
    found: str = world.status["candidate"]["revision"]
    return found


def stable(world: ServingWorld) -> str:
    found: str = world.status["stable"]["revision"]
    return found


def test_a_failing_candidate_loses_its_share_and_the_numbers_are_told() -> None:
    world = climbing()
    failing = candidate(world)
    world.serve(failing, 10, 3)
    begun = world.now
    world.settle()
    assert (world.now - begun).total_seconds() <= 8
    assert course(world) == "Stalled RolledBack"
    assert revisions(world) == "1"
    message = world.condition("Ready")["message"]
    assert "ErrorRate: 6 of 20 requests failed (30.0 %)" in message
    assert "at most 0.01 may fail" in message
    healthy = world.condition("AnalysisHealthy")
    assert (healthy["status"], healthy["reason"]) == ("False", "ErrorRate")
    assert failing not in world.secret


def test_a_good_candidate_is_left_alone_and_its_numbers_are_told_step_by_step() -> None:
    world = rolling(steps=[{"percent": "10", "for": "30s"}, {"percent": "50", "for": "30s"}])
    world.serve(candidate(world), 200, 1)
    world.serve(stable(world), 1800, 4)
    assert world.condition("AnalysisHealthy")["status"] == "Unknown"
    world.settle(40)
    assert world.status["weight"] == "50"
    healthy = world.condition("AnalysisHealthy")
    assert healthy["status"] == "True"
    assert "2 of 400 requests failed (0.5 %) at 10 percent" in healthy["message"]
    assert world.status["analysis"]["stableRequests"] == 3600
    world.settle(40)
    assert revisions(world) == "2"


def test_what_was_counted_before_the_step_does_not_count() -> None:
    """The baseline is in status: an operator that starts anew goes on counting where it was."""
    world = climbing()
    name = candidate(world)
    world.serve(name, 50, 50)
    world.settle()
    assert revisions(world) == "1"
    world.mdep["metadata"]["annotations"] = {"comal.dev/request": f"retry@{name}#1"}
    world.settle()
    assert (revisions(world), world.status["weight"]) == ("1/2", "10")
    mine = [one for one in world.status["analysis"]["baseline"] if one["revision"] == name]
    assert [one["errors"] for one in mine] == [50, 50]
    world.serve(name, 50)
    world.settle()
    assert revisions(world) == "1/2"


def test_a_router_that_starts_anew_counts_from_nothing() -> None:
    assert Counters(5, 1).since(100, 90) == Counters(5, 1)
    assert Counters(105, 91).since(100, 90) == Counters(5, 1)


def test_worse_than_stable_by_needs_stable_to_be_better() -> None:
    bounds = {"errors": {"maxRate": "1", "worseThanStableBy": "0.05"}}
    alike = climbing(**bounds)
    alike.serve(stable(alike), 1000, 300)
    alike.serve(candidate(alike), 100, 20)
    alike.settle()
    assert revisions(alike) == "1/2"
    worse = climbing(**bounds)
    worse.serve(candidate(worse), 100, 20)
    worse.settle()
    assert worse.status["rejected"][0]["reason"] == "WorseThanStable"
    assert "stable 2 of 2000 requests failed" in worse.status["rejected"][0]["message"]


def test_a_slow_candidate_is_told_by_its_quantile() -> None:
    world = climbing(latency={"quantile": "p95", "maxRatioToStable": "1.5"})
    world.serve(candidate(world), 30, milliseconds=50)
    world.settle()
    assert revisions(world) == "1/2", "60 answers are too few to tell"
    world.serve(candidate(world), 30, milliseconds=50)
    world.settle()
    [rejected] = world.status["rejected"]
    assert rejected["reason"] == "Latency"
    assert "p95 50 ms against stable's 5 ms (120 answers)" in rejected["message"]


def test_a_candidate_that_fails_is_held_at_nothing_if_so_wished() -> None:
    world = rolling(steps=STEP, onFailure="Hold")
    name = candidate(world)
    world.serve(name, 20, 10)
    world.settle()
    assert course(world) == "Going Held"
    assert (world.status["weight"], revisions(world)) == ("0", "1/2")
    assert world.of_revision(name)["spec"]["replicas"] == 2
    assert world.condition("AnalysisHealthy")["reason"] == "ErrorRate"
    assert "20 of 40 requests failed" in world.condition("Ready")["message"]
    world.settle(3000)
    assert world.status["weight"] == "0"
    meta = world.mdep["metadata"]
    meta["annotations"] = {"comal.dev/request": f"resume@{name}#1"}
    world.settle()
    assert (world.status["weight"], course(world)) == ("10", "Going Progressing")


@pytest.mark.parametrize(("policy", "ends"), [("Hold", "1/2"), ("Promote", "2"), ("Fail", "1")])
def test_too_few_requests(policy: str, ends: str) -> None:
    steps = [{"percent": "10", "for": "60s", "minRequests": 200}]
    world = rolling(steps=steps, analysis={"onInsufficientTraffic": policy})
    world.serve(candidate(world), 50)
    world.settle(90)
    assert revisions(world) == ends
    if policy == "Hold":
        assert course(world) == "Going AwaitingTraffic"
        assert "until 200 requests came" in world.condition("Ready")["message"]
        world.serve(candidate(world), 50)
        world.settle(10)
        assert revisions(world) == "2"
    if policy == "Fail":
        assert "only 100 of 200 requests came" in world.status["rejected"][0]["message"]


def test_too_few_requests_end_by_the_deadline() -> None:
    world = rolling(steps=[{"percent": "10", "minRequests": 200}], deadline="1h")
    world.settle(4000)
    [rejected] = world.status["rejected"]
    assert rejected["reason"] == "DeadlineExceeded"
    assert "until 200 requests came" in rejected["message"]


def test_a_shadow_is_watched_and_costs_nobody_anything() -> None:
    world = rolling(steps=[{"shadow": "20", "for": "60s"}, {"percent": "10", "for": "60s"}])
    assert (world.status["weight"], world.status["shadow"]) == ("0", "20")
    assert "a shadow of 20" in world.condition("Ready")["message"]
    world.serve(candidate(world), 10, 10)
    world.settle()
    assert world.status["rejected"][0]["reason"] == "ErrorRate"
    assert "shadow" not in world.status


def test_the_test_errs_no_more_often_than_it_says() -> None:
    dice = random.Random(7)
    alarms = 0
    for _ in range(200):
        failures = 0
        for total in range(1, 1001):
            failures += dice.random() < 0.01
            if is_above(failures, total, 0.01, 0.01):
                alarms += 1
                break
    assert alarms <= 6, "two are to be expected"


def test_every_fifth_request_fails_and_eleven_more_tell() -> None:
    """At ten requests a second: about a second after the first failure."""
    decided = next(n for n in range(1, 100) if is_above(n // 5, n, 0.01, 0.01))
    assert decided - 5 <= 15


@pytest.mark.parametrize(("failures", "total", "bound"), [(1, 1, 0.0), (2, 2, 0.01)])
def test_the_plain_cases(failures: int, total: int, bound: float) -> None:
    assert is_above(failures, total, bound, 0.01)
    assert not is_above(0, total, bound, 0.01)
    assert not is_above(failures, total, 1.0, 0.01)


def test_what_stable_may_well_be() -> None:
    assert highest_likely_rate(0, 0) == 1.0
    assert 0.04 < highest_likely_rate(0, 100) < 0.06
    assert 0.10 < highest_likely_rate(100, 1000) < 0.13
    assert quantile({1.0: 90, 10.0: 9, 100.0: 1}, 0.95) == 10.0
    assert quantile({}, 0.95) == 0.0


def test_counters_by_revision_with_what_a_retry_hid() -> None:
    names = "cluster.scoring.zone.router"
    stats = [
        {"name": f"{names}.a1.upstream_rq_completed", "value": 90},
        {"name": f"{names}.b2.upstream_rq_completed", "value": 10},
        {"name": f"{names}.b2.upstream_rq_5xx", "value": 2},
        {"name": "cluster.mirror.zone.router.b2.upstream_rq_completed", "value": 5},
        {"name": "cluster.scoring.upstream_rq_5xx", "value": 7},
        {
            "histograms": {
                "details": [
                    {
                        "name": f"{names}.b2.upstream_rq_time",
                        "totals": [{"lower_bound": 5, "width": 0.1, "count": 10}],
                    }
                ]
            }
        },
    ]
    host = {"locality": {"zone": "b2"}, "stats": [{"name": "rq_error", "value": "6"}]}
    hosts = {"cluster_statuses": [{"name": "scoring", "host_statuses": [host]}]}
    found = parse_counters(json.dumps({"stats": stats}), json.dumps(hosts))
    assert found == {"a1": Counters(90), "b2": Counters(19, 6, {5.0: 10})}
    assert parse_counters("<html>", "") == {}


def test_readings_of_the_last_seconds_show_a_late_failure() -> None:
    """Ten thousand good answers do not hide that it fails now."""
    moment = [0.0]
    readings = Readings(lambda: moment[0])
    world = climbing()
    name = candidate(world)
    routers = [pod["metadata"]["name"] for pod in world.routers()]
    world.serve(name, 10_000)
    latest = {}

    def reading(router: str) -> Any:
        latest[router] = readings.add(router, {name: world.counts[router, name]})
        return latest[router]

    world.reading = reading  # type: ignore[method-assign]
    for _ in range(20):
        moment[0] += 1
        world.serve(name, 5)
        world.settle()
    assert revisions(world) == "1/2"
    for _ in range(3):
        moment[0] += 1
        world.serve(name, 5, 1)
        world.settle()
    assert revisions(world) == "1"
    assert "in the last seconds" in world.status["rejected"][0]["message"]
    assert set(latest) == set(routers)


def test_the_real_split_is_told_each_time_that_the_requests_have_doubled() -> None:
    world = rolling()
    stable, mine = world.status["stable"]["revision"], world.status["candidate"]["revision"]

    def told() -> dict[str, str]:
        found = world.status["traffic"]
        return {one["revision"]: one.get("observedPercent", "-") for one in found}

    assert set(told().values()) == {"-"}
    # Two routers: 180 and 20.
    world.serve(stable, 90)
    world.serve(mine, 10)
    world.settle()
    assert told() == {stable: "90", mine: "10"}
    before = len(world.written)
    world.serve(stable, 45)
    world.serve(mine, 15)
    world.settle()
    assert len(world.written) == before, "told twice before it has doubled"
    world.serve(stable, 45)
    world.serve(mine, 15)
    world.settle()
    assert told() == {stable: "81.82", mine: "18.18"}
    # Another share is counted from its own beginning.
    world.settle(65)
    assert set(told().values()) == {"-"}
