"""Pods that are slow to answer health checks are asked all the same when there is nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from comal_operator.core.serving.endpoints import Backend, Routing
from comal_operator.core.serving.handling import Role
from router.lone_scorer import lone_scorer
from router.running import Router, until
from router.scorers import Scorer

pytestmark = pytest.mark.timeout(180)

# The ClusterIP of the stable revision: another address that leads to the same Pod.
CLUSTER_IP = "127.0.0.2"


def routing(port: int, *others: Backend, timeout: float = 20.0) -> Routing:
    share = "100" if all(one.percent == "0" for one in others) else "90"
    stable = Backend("a1", share, (("127.0.0.1", port),), Role.STABLE, "diabetes-v1")
    return Routing("diabetes", (stable, *others), (CLUSTER_IP, port), timeout)


def test_the_only_pod_is_waited_for(running: Callable[..., Router]) -> None:
    with lone_scorer("stable") as pod, ThreadPoolExecutor(16) as callers:
        router = running(routing(pod.port))
        until("it is healthy", lambda: router.whole() == {"a1", "last-resort"})
        pod.starve()
        early = [callers.submit(router.ask) for _ in range(8)]
        until("its checks fail", lambda: router.healthy() == {"last-resort"})
        late = [callers.submit(router.ask) for _ in range(8)]
        # Long enough for a router that would refuse, or try again and give up.
        time.sleep(2)
        assert not any(one.done() for one in (*early, *late))
        pod.feed()
        answers = [one.result() for one in (*early, *late)]
        assert {(one.status, one.text) for one in answers} == {(200, "stable")}


def test_it_is_waited_for_no_longer_than_the_timeout(running: Callable[..., Router]) -> None:
    with lone_scorer("stable") as pod:
        router = running(routing(pod.port, timeout=1.0))
        until("it is healthy", lambda: router.whole() == {"a1", "last-resort"})
        pod.starve()
        until("its checks fail", lambda: router.healthy() == {"last-resort"})
        assert router.ask().status == 504


@pytest.mark.parametrize("percent", ["0", "10"])
def test_a_healthy_candidate_answers_instead(
    scorers: Callable[[str], Scorer], running: Callable[..., Router], percent: str
) -> None:
    other = scorers("candidate")
    with lone_scorer("stable") as pod:
        candidate = Backend("b2", percent, (other.address,), Role.CANDIDATE, "diabetes-v2")
        router = running(routing(pod.port, candidate))
        until("all are healthy", lambda: router.whole() == {"a1", "b2", "last-resort"})
        pod.starve()
        until("its checks fail", lambda: router.healthy() == {"b2", "last-resort"})
        assert router.score(100) == {"candidate": 100}


def test_among_starved_pods_the_dead_one_costs_nothing(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    dead = scorers("candidate")
    with lone_scorer("stable") as pod, ThreadPoolExecutor(8) as callers:
        candidate = Backend("b2", "10", (dead.address,), Role.CANDIDATE, "diabetes-v2")
        router = running(routing(pod.port, candidate))
        until("all are healthy", lambda: router.whole() == {"a1", "b2", "last-resort"})
        dead.stop()
        pod.starve()
        until("all checks fail", lambda: router.healthy() == {"last-resort"})
        asked = [callers.submit(router.ask) for _ in range(8)]
        time.sleep(1)
        pod.feed()
        assert {one.result().text for one in asked} == {"stable"}
