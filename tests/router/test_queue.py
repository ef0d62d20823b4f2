"""A real scorer that is slow, behind a real Envoy: who works, who waits, who is sent away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from comal_operator.api.limits import Limits
from comal_operator.core.serving.endpoints import Backend, Routing
from comal_operator.core.serving.handling import Role
from comal_operator.core.serving.pod_limits import pod_limits
from router.running import Answer, Router, until
from router.test_limits import error
from unit.scorer.scorer_process import ScorerProcess
from unit.scorer.script_folders import script

pytestmark = pytest.mark.timeout(180)

# Says how many are at work beside it, and works until the test lets it go on.
SLOW = """
import json, os, time, uuid

def init():
    pass

def run(raw):
    gate, mine = json.loads(raw), uuid.uuid4().hex
    open(os.path.join(gate, "at-work-" + mine), "w").close()
    while not os.path.exists(os.path.join(gate, "open")):
        time.sleep(0.02)
    return mine
"""


@pytest.fixture
def scorer(tmp_path: Path) -> Iterator[Callable[[Limits], ScorerProcess]]:
    """Start a scorer with the environment that the operator gives its Pod."""
    started: list[ScorerProcess] = []

    def start(limits: Limits) -> ScorerProcess:
        folder = tmp_path / "scorer"
        folder.mkdir()
        # As many processes for the script as there are cores.
        run = {"COMAL_SCRIPT": "model", "COMAL_THREADS": "4"}
        process = ScorerProcess(script(SLOW), folder, **run, **pod_limits(limits))
        started.append(process)
        return process.wait_ready()

    yield start
    for one in started:
        one.stop()


def routed(one: ScorerProcess, running: Callable[..., Router], timeout: float) -> Router:
    backend = Backend("a1", "100", (("127.0.0.1", one.port),), Role.STABLE, "slow-v1")
    router = running(Routing("slow", (backend,), None, timeout))
    until("it is healthy", lambda: router.whole() == {"a1"})
    return router


def at_work(gate: Path) -> int:
    return len(list(gate.glob("at-work-*")))


def test_two_work_a_third_waits_and_is_answered(
    scorer: Callable[[Limits], ScorerProcess], running: Callable[..., Router], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.mkdir()
    limits = Limits(timeout="60s", concurrency_per_pod=2, queue_wait="30s")
    router = routed(scorer(limits), running, 60.0)
    with ThreadPoolExecutor(3) as callers:
        asked = [callers.submit(router.ask, body=f'"{gate}"'.encode()) for _ in range(3)]
        until("two are at work", lambda: at_work(gate) == 2)
        (gate / "open").touch()
        answers = [one.result() for one in asked]
    assert [one.status for one in answers] == [200, 200, 200]
    assert at_work(gate) == 3


def test_who_waits_in_vain_is_told_503_and_when_to_come_again(
    scorer: Callable[[Limits], ScorerProcess], running: Callable[..., Router], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.mkdir()
    limits = Limits(timeout="60s", concurrency_per_pod=2, queue_wait="300ms")
    router = routed(scorer(limits), running, 60.0)
    with ThreadPoolExecutor(5) as callers:
        asked = [callers.submit(router.ask, body=f'"{gate}"'.encode()) for _ in range(5)]
        until("three were sent away", lambda: sum(one.done() for one in asked) == 3)
        refused: list[Answer] = [one.result() for one in asked if one.done()]
        assert at_work(gate) == 2
        (gate / "open").touch()
        codes = Counter(one.result().status for one in asked)
    assert codes == {200: 2, 503: 3}
    for answer in refused:
        assert error(answer.text) == "overloaded"
        assert "within 0.3 s" in answer.text
        assert answer.headers["retry-after"] == "1"
    assert at_work(gate) == 2, "who was refused was not worked on, and nobody sent it again"


def test_who_may_not_wait_is_told_at_once(
    scorer: Callable[[Limits], ScorerProcess], running: Callable[..., Router], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.mkdir()
    limits = Limits(timeout="60s", concurrency_per_pod=1, queue_wait="0s")
    router = routed(scorer(limits), running, 60.0)
    with ThreadPoolExecutor(2) as callers:
        first = callers.submit(router.ask, body=f'"{gate}"'.encode())
        until("one is at work", lambda: at_work(gate) == 1)
        second = router.ask(body=f'"{gate}"'.encode())
        (gate / "open").touch()
        assert first.result().status == 200
    assert (second.status, error(second.text)) == (503, "overloaded")
    assert second.headers["retry-after"] == "1"


def test_a_wait_ends_before_the_routers_patience(
    scorer: Callable[[Limits], ScorerProcess], running: Callable[..., Router], tmp_path: Path
) -> None:
    """As Azure ML's sample has it: both five seconds. 503 says more than 504."""
    gate = tmp_path / "gate"
    gate.mkdir()
    limits = Limits(timeout="2s", concurrency_per_pod=1, queue_wait="2s")
    router = routed(scorer(limits), running, 2.0)
    with ThreadPoolExecutor(2) as callers:
        first = callers.submit(router.ask, body=f'"{gate}"'.encode())
        until("one is at work", lambda: at_work(gate) == 1)
        second = callers.submit(router.ask, body=f'"{gate}"'.encode())
        answers = sorted(one.result().status for one in (first, second))
        (gate / "open").touch()
    assert answers == [503, 504]
