"""Headers that choose a revision, the paths that lead there, and what is written down of it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from comal_operator.core.serving.handling import Handling, Role, Rule
from router.endpoint import EVERYBODY, Endpoint
from router.running import Router, until
from router.scorers import Scorer

pytestmark = pytest.mark.timeout(180)

BLUE = {"x-api-version": "blue"}
GREEN = {"azureml-model-deployment": "green"}
RULES = Handling(
    rules=(
        Rule("x-api-version", "blue", Role.CANDIDATE),
        Rule("azureml-model-deployment", "green", Role.STABLE),
    )
)


@pytest.mark.parametrize("percent", ["0", "10", "100"])
def test_a_rule_chooses_the_revision_whatever_the_shares(
    scorers: Callable[[str], Scorer], running: Callable[..., Router], percent: str
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing(percent, RULES))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    assert router.score(30, headers=BLUE) == {"candidate": 30}
    assert router.score(30, headers=GREEN) == {"stable": 30}

    got = router.score(1000)
    assert abs(got["candidate"] / 10 - float(percent)) <= 0.3, got
    got = router.score(1000, headers={"x-api-version": "other"})
    assert abs(got["candidate"] / 10 - float(percent)) <= 0.3, got


def test_a_rule_for_a_revision_that_is_not_there_is_none(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing(None, RULES))
    until("all are healthy", lambda: router.whole() == {"a1", "last-resort"})
    assert router.score(20, headers=BLUE) == {"stable": 20}


def test_a_rule_for_a_revision_that_is_dead_costs_no_caller_an_answer(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("10", RULES))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    for one in endpoint.candidate:
        one.stop()
    got = router.score(200, fresh=True, headers=BLUE)
    assert got["stable"] + got["last"] == 200, got
    until("its death is noticed", lambda: "b2" not in router.healthy())
    assert router.score(100, headers=BLUE) == {"stable": 100}


def test_a_request_may_name_its_revision(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("0"))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    assert router.score(10, headers={"x-comal-revision": "b2"}) == {"candidate": 10}
    assert router.score(10, headers={"x-comal-revision": "a1"}) == {"stable": 10}
    answer = router.ask({"x-comal-revision": "c3"})
    assert answer.status == 404
    assert "unknown-revision" in answer.text

    for one in endpoint.candidate:
        one.stop()
    until("its death is noticed", lambda: "b2" not in router.healthy())
    answer = router.ask({"x-comal-revision": "b2"})
    assert answer.status == 503
    assert '"code":"unavailable"' in answer.text
    assert answer.headers["retry-after"] == "1"


def test_the_path_of_azure_mls_router_leads_to_the_scorer_too(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers, stable=1)
    router = running(endpoint.routing(None))
    until("all are healthy", lambda: router.whole() == {"a1", "last-resort"})
    for path in ("/score", "/api/v1/service/diabetes/score?a=b", "/swagger.json"):
        assert router.ask(path=path).status == 200
    assert router.ask(path="/api/v1/service/other/score").status == 200
    assert [path for path, _ in endpoint.stable[0].asked] == [
        "/score",
        "/score?a=b",
        "/swagger.json",
        "/api/v1/service/other/score",
    ]


def test_a_trace_is_passed_on_or_begun(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers, stable=1)
    router = running(endpoint.routing(None))
    until("all are healthy", lambda: router.whole() == {"a1", "last-resort"})
    sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
    router.ask({"traceparent": sent, "x-request-id": "mine"})
    router.ask()
    router.ask({"x-comal-fresh": "not-a-uuid"})
    first, second, third = (headers for _, headers in endpoint.stable[0].asked)
    assert first["traceparent"] == sent
    assert first["x-request-id"] == "mine"
    for one in (second, third):
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", one["traceparent"])
        assert "x-comal-fresh" not in one
    assert second["traceparent"] != third["traceparent"]


def test_each_request_is_one_line_of_the_log(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("0", RULES))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
    answer = router.ask({**BLUE, "traceparent": sent, "x-request-id": "r1"}, "/score?key=secret")
    assert answer.status == 200
    assert "x-comal-answered-by" not in answer.headers
    router.ask({"x-comal-revision": "c3"})

    until("both are logged", lambda: len(router.logged()) >= 2)
    scored, refused = router.logged()
    assert scored["requestId"] == "r1"
    assert scored["traceparent"] == sent
    assert (scored["revision"], scored["modelVersion"]) == ("b2", "diabetes-v2")
    assert (scored["code"], scored["path"], scored["endpoint"]) == (200, "/score", "diabetes")
    assert scored["durationMs"] >= 0
    assert refused["code"] == 404
    assert refused["revision"] is None
    assert "secret" not in str(router.logged())
