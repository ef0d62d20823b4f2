"""The router's promises, kept by a real Envoy: exact shares, no death that a caller notices."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from comal_operator.core.serving.endpoints import Routing
from router.endpoint import EVERYBODY, Endpoint
from router.running import Router, is_about, until
from router.scorers import Scorer

pytestmark = pytest.mark.timeout(180)


def kill(scorers: list[Scorer]) -> None:
    for one in scorers:
        one.stop()


def test_the_split_is_exact_and_follows_each_change(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("0"))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    assert router.score(200) == {"stable": 200}

    for percent in ("0.1", "1", "5", "10", "33", "50", "99.9", "100"):
        router.follow(endpoint.routing(percent))
        reached = 0
        for _ in range(2):
            got = router.score(1000)
            assert got["stable"] + got["candidate"] == 1000
            assert abs(got["candidate"] / 10 - float(percent)) <= 0.3, (percent, got)
            reached += got["candidate"]
        assert reached > 0, percent
    router.follow(endpoint.routing("0"))
    assert router.score(2000) == {"stable": 2000}


def test_the_split_is_exact_with_two_threads(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("10"), threads=2)
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    got = router.score(1500, fresh=True)
    assert abs(got["candidate"] / 15 - 10) <= 0.3, got


def test_a_change_of_shares_keeps_the_counters(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("10"))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    router.score(100)
    router.follow(endpoint.routing("50"))
    router.score(100)

    _, text = router.statistics("/stats?filter=zone.router")
    counted = dict(line.split(": ") for line in text.splitlines() if "upstream_rq_200" in line)
    stable = int(counted["cluster.scoring.zone.router.a1.upstream_rq_200"])
    candidate = int(counted["cluster.scoring.zone.router.b2.upstream_rq_200"])
    # New shares begin a new round, which may cut the old one short.
    assert stable + candidate == 200
    assert abs(stable - 140) <= 2


def test_a_revision_that_leaves_gets_nothing_once_acknowledged(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    """Though its Pods are as healthy as ever: by default Envoy would keep them."""
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("50"))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    router.score(100)
    router.follow(endpoint.routing(None))
    before = sum(one.answered for one in endpoint.candidate)
    router.score(500)
    assert sum(one.answered for one in endpoint.candidate) == before


@pytest.mark.parametrize("percent", ["10", "90"])
def test_a_dead_candidate_costs_no_caller_an_answer(
    scorers: Callable[[str], Scorer], running: Callable[..., Router], percent: str
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing(percent))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    kill(endpoint.candidate)

    got = router.score(1000, fresh=True)
    until("its death is noticed", lambda: "b2" not in router.healthy())
    assert got["stable"] + got["last"] == 1000, got
    assert router.score(300) == {"stable": 300}


def test_every_death_is_survived_and_the_split_comes_back(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    """Eight Pods at once: more than there are tries in one priority."""
    endpoint = Endpoint(scorers, stable=8)
    router = running(endpoint.routing("10"))
    until("all are healthy", lambda: router.whole() == EVERYBODY)

    kill(endpoint.stable)
    got = router.score(500, fresh=True)
    assert got["candidate"] + got["last"] == 500, got
    until("the death is noticed", lambda: "a1" not in router.healthy())
    assert router.score(200) == {"candidate": 200}

    kill(endpoint.candidate)
    assert router.score(500, fresh=True)["last"] == 500
    until("the death is noticed", lambda: router.healthy() == {"last-resort"})
    assert router.score(200) == {"last": 200}

    for one in (*endpoint.stable, *endpoint.candidate):
        one.start()
    until("all are back", lambda: router.statistics("/clusters")[1].count("::healthy\n") >= 11)
    got = router.score(1000, fresh=True)
    assert abs(got["candidate"] / 10 - 10) <= 1, got


def test_who_stands_by_serves_only_when_all_others_are_dead(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("0"))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    kill(endpoint.stable[:2])
    assert router.score(300, fresh=True) == {"stable": 300}
    kill(endpoint.stable[2:])
    assert router.score(300, fresh=True) == {"candidate": 300}


def test_a_large_request_is_sent_again_too(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("50"))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    kill(endpoint.candidate)
    got = router.score(20, b"x" * 3_500_000)
    assert got["stable"] + got["last"] == 20, got


def test_an_answer_with_5xx_is_not_repeated(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    router = running(endpoint.routing("50"))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    for one in endpoint.candidate:
        one.status = 503
    got = router.score(200)
    assert is_about(got, {"stable": 100, "failed 503": 100}), got
    assert sum(one.answered for one in endpoint.candidate) == got["failed 503"]


def test_a_router_without_endpoints_is_ready_and_says_503(running: Callable[..., Router]) -> None:
    router = running(Routing("diabetes", (), None, 5.0))
    assert router.traffic() == {}
    assert router.score(3) == {"failed 503": 3}


def test_the_admin_interface_is_not_on_the_network(
    running: Callable[..., Router], tmp_path: Path
) -> None:
    router = running(Routing("diabetes", (), None, 5.0))
    for path in ("/stats", "/stats/prometheus", "/clusters", "/ready"):
        assert router.statistics(path)[0] == 200
        assert router.statistics(path, "POST")[0] == 404
    forbidden = ("/", "/quitquitquit", "/config_dump", "/certs", "/logging", "/healthcheck/fail")
    tricks = ("/stats/../quitquitquit", "//quitquitquit", "/stats/recentlookups", "/clusters/")
    for path in (*forbidden, *tricks):
        assert router.statistics(path)[0] == 404, path
        assert router.statistics(path, "POST")[0] == 404, path
    assert router.process.poll() is None
    socket = tmp_path / "admin.sock"
    assert stat.S_ISSOCK(socket.stat().st_mode)
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
