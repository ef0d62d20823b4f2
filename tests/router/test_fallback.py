"""A candidate that fails is hidden from callers where they want it, and never from the counters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from comal_operator.core.serving.handling import Handling, Role, Rule
from router.endpoint import EVERYBODY, Endpoint
from router.running import Router, is_about, until
from router.scorers import Scorer

pytestmark = pytest.mark.timeout(180)

HIDING = Handling(repeats_errors=True)


def failing(
    scorers: Callable[[str], Scorer],
    running: Callable[..., Router],
    percent: str,
    handling: Handling = HIDING,
    status: int = 500,
) -> tuple[Endpoint, Router]:
    """Return an endpoint whose candidate answers everything with 5xx."""
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing(percent, handling))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    for one in endpoint.candidate:
        one.status = status
    return endpoint, router


def host_counters(router: Router, zone: str) -> tuple[int, int]:
    """Return errors and requests of one revision by its endpoints' own counters."""
    facts: dict[str, dict[str, str]] = {}
    for line in router.statistics("/clusters")[1].splitlines():
        cluster, _, rest = line.partition("::")
        host, _, fact = rest.partition("::")
        if cluster == "scoring":
            name, _, value = fact.partition("::")
            facts.setdefault(host, {})[name] = value
    mine = [one for one in facts.values() if one.get("zone") == zone]
    return sum(int(one["rq_error"]) for one in mine), sum(int(one["rq_total"]) for one in mine)


@pytest.mark.parametrize(("percent", "status"), [("10", 500), ("50", 503), ("99.9", 500)])
def test_errors_of_the_candidate_are_hidden_and_counted(
    scorers: Callable[[str], Scorer], running: Callable[..., Router], percent: str, status: int
) -> None:
    endpoint, router = failing(scorers, running, percent, status=status)
    assert router.score(1000) == {"stable": 1000}

    # A second try takes a turn of the stable revision's, so a candidate that fails at everything is
    # tried more often than its share says; no request is tried on it twice.
    share = float(percent) / 100
    worked = sum(one.answered for one in endpoint.candidate)
    assert abs(worked - 1000 * min(1, share / (1 - share))) <= 3
    assert host_counters(router, "b2") == (worked, worked)
    assert host_counters(router, "a1")[0] == 0


def test_errors_of_the_stable_revision_are_shown_and_not_repeated(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("10", HIDING))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    for one in endpoint.stable:
        one.status = 503
    told = router.score(100)
    assert is_about(told, {"failed 503": 90, "candidate": 10}), told
    assert sum(one.answered for one in endpoint.stable) == told["failed 503"]


def test_without_asking_for_it_errors_are_shown(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    _, router = failing(scorers, running, "50", Handling())
    told = router.score(100)
    assert is_about(told, {"stable": 50, "failed 500": 50}), told


def test_a_caller_may_refuse_to_be_sent_twice(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint, router = failing(scorers, running, "50")
    refusing = {"x-comal-no-fallback": "1"}
    told = router.score(100, headers=refusing)
    assert is_about(told, {"stable": 50, "failed 500": 50}), told

    for one in endpoint.candidate:
        one.stop()
    until("its death is noticed", lambda: "b2" not in router.healthy())
    assert router.score(50, headers=refusing) == {"stable": 50}


def test_what_a_rule_sends_to_the_candidate_shows_its_errors(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    rules = replace(HIDING, rules=(Rule("x-api-version", "blue", Role.CANDIDATE),))
    endpoint, router = failing(scorers, running, "0", rules)
    assert router.score(20, headers={"x-api-version": "blue"}) == {"failed 500": 20}
    assert sum(one.answered for one in endpoint.candidate) == 20


def test_a_body_beyond_the_limit_is_sent_once(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    handling = replace(HIDING, repeatable_bytes=10_000)
    _, router = failing(scorers, running, "50", handling)
    assert router.score(50, b"x" * 9_000) == {"stable": 50}
    told = router.score(50, b"x" * 2_000_000)
    assert is_about(told, {"stable": 25, "failed 500": 25}), told
