"""What a real Envoy counts of each revision is what the analysis reads."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from comal_operator.core.serving.counters import (
    COUNTERS_PATH,
    HOSTS_PATH,
    Counters,
    parse_counters,
)
from router.endpoint import EVERYBODY, Endpoint
from router.running import Router, is_about, until
from router.scorers import Scorer

pytestmark = pytest.mark.timeout(180)


def counters(router: Router) -> dict[str, Counters]:
    return parse_counters(router.statistics(COUNTERS_PATH)[1], router.statistics(HOSTS_PATH)[1])


def test_answers_errors_and_hidden_failures_are_counted_by_revision(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers, stable=1)
    router = running(endpoint.routing("50"))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    for one in endpoint.candidate:
        one.status = 500
    told = router.score(40)
    assert is_about(told, {"stable": 20, "failed 500": 20}), told
    found = counters(router)
    failed = told["failed 500"]
    assert (found["a1"].requests, found["a1"].errors) == (told["stable"], 0)
    assert (found["b2"].requests, found["b2"].errors) == (failed, failed)

    # Refused connections are sent elsewhere: no caller sees one, and the candidate's count does.
    for one in endpoint.candidate:
        one.stop()
    assert set(router.score(10)) == {"stable"}
    assert counters(router)["b2"].errors > failed
    until("histograms are merged", lambda: bool(counters(router)["a1"].latency))
    assert sum(counters(router)["a1"].latency.values()) >= 20


def test_a_change_of_shares_keeps_the_counts(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers, stable=1)
    router = running(endpoint.routing("50"))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    router.score(20)
    router.follow(endpoint.routing("10"))
    router.score(20)
    found = counters(router)
    # New shares begin a new round, which may cut the old one short.
    assert found["a1"].requests + found["b2"].requests == 40
    assert abs(found["a1"].requests - 28) <= 2
