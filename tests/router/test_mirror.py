"""The candidate gets copies of requests: callers notice nothing, the counters everything."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from comal_operator.core.serving.counters import COUNTERS_PATH, HOSTS_PATH, parse_counters
from comal_operator.core.serving.handling import Handling, Mirror
from router.endpoint import EVERYBODY, Endpoint
from router.running import Router, until
from router.scorers import Scorer

pytestmark = pytest.mark.timeout(180)


def counted(router: Router) -> tuple[int, int]:
    """Return requests and errors of the candidate as the analysis reads them."""
    counters = parse_counters(router.statistics(COUNTERS_PATH)[1], router.statistics(HOSTS_PATH)[1])
    mine = counters.get("b2")
    return (mine.requests, mine.errors) if mine else (0, 0)


def test_copies_are_answered_counted_and_thrown_away(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("0", Handling(mirror=Mirror("b2", "100"))))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    for one in endpoint.candidate:
        one.status = 500
    assert router.score(200, json.dumps({"data": [[1]]}).encode()) == {"stable": 200}
    until("all copies are answered", lambda: counted(router) == (200, 200))
    headers = [headers for one in endpoint.candidate for _, headers in one.asked]
    assert len(headers) == 200
    assert {one["x-comal-mirror"] for one in headers} == {"100"}
    assert all("x-comal-mirror" not in headers for _, headers in endpoint.stable[0].asked)


def test_a_share_of_the_requests_is_copied(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("0", Handling(mirror=Mirror("b2", "20"))))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    assert router.score(1000) == {"stable": 1000}
    until("copies come in", lambda: counted(router)[0] > 130)
    assert 130 <= counted(router)[0] <= 270


@pytest.mark.parametrize("trouble", ["slow", "dead"])
def test_a_candidate_in_trouble_holds_up_nobody(
    scorers: Callable[[str], Scorer], running: Callable[..., Router], trouble: str
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("0", Handling(mirror=Mirror("b2", "100"))))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    for one in endpoint.candidate:
        if trouble == "slow":
            one.delay = 60
        else:
            one.stop()
    assert router.score(200) == {"stable": 200}


def test_copies_end_when_the_mirror_does(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("0", Handling(mirror=Mirror("b2", "100"))))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    router.score(10)
    router.follow(endpoint.routing(None))
    before = sum(one.answered for one in endpoint.candidate)
    router.score(100)
    assert sum(one.answered for one in endpoint.candidate) == before
