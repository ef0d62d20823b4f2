"""What a real router's copies, answered by real scorers, tell of a candidate's answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from comal_operator.core.serving.endpoints import Backend, Routing
from comal_operator.core.serving.handling import Handling, Mirror, Role
from comal_scorer.contract import ANSWERS_HEADER, ANSWERS_PATH
from comal_trainer.compare import compare
from comal_trainer.contract.comparison import Compared, Sides
from router.running import Router, until
from unit.scorer.model_folders import weighted
from unit.scorer.scorer_process import ScorerProcess

pytestmark = pytest.mark.timeout(240)

BODY = json.dumps({"data": [[1.0, 2.0]]}).encode()


@pytest.fixture
def pods(tmp_path: Path) -> Iterator[Callable[..., ScorerProcess]]:
    """Start real scorers of a model that multiplies by its weights."""
    with ExitStack() as started:

        def pod(name: str, *weights: float) -> ScorerProcess:
            folder = tmp_path / name
            folder.mkdir()
            package = weighted("data-matrix", ["a", "b"], list(weights))
            one = ScorerProcess(package, folder, COMAL_WORKERS="2")
            started.callback(one.stop)
            return one.wait_ready()

        yield pod


def endpoint(stable: list[ScorerProcess], candidate: list[ScorerProcess]) -> Routing:
    def backend(name: str, percent: str, pods: list[ScorerProcess], role: Role) -> Backend:
        addresses = tuple(("127.0.0.1", one.port) for one in pods)
        return Backend(name, percent, addresses, role, f"diabetes-{name}")

    return Routing(
        "diabetes",
        (
            backend("a1", "100", stable, Role.STABLE),
            backend("b2", "0", candidate, Role.CANDIDATE),
        ),
        ("127.0.0.1", stable[0].port),
        5.0,
        Handling(mirror=Mirror("b2", "100")),
    )


def compared(
    stable: list[ScorerProcess], candidate: list[ScorerProcess], since: float = 0.0
) -> Compared:
    def at(pods: list[ScorerProcess]) -> tuple[str, ...]:
        return tuple(f"http://127.0.0.1:{one.port}" for one in pods)

    return compare(
        Sides(
            at(candidate), at(stable), ANSWERS_PATH, ANSWERS_HEADER, since, time.time(), 0.001, 30.0
        )
    )


def marks(pod: ScorerProcess) -> set[str]:
    page = pod.request("GET", f"{ANSWERS_PATH}?seconds=600", x_comal_answers="read")
    return {one["mark"] for one in page.json["answers"]}


def called(router: Router, count: int) -> None:
    # One id for all: callers choose theirs, so nothing may hang on it.
    told = router.score(count, BODY, headers={"x-request-id": "mine"})
    assert not [one for one in told if one.startswith("failed")]


def test_answers_of_two_pods_and_two_workers_each_are_compared(
    pods: Callable[..., ScorerProcess], running: Callable[..., Router]
) -> None:
    stable = [pods("s0", 1, 1), pods("s1", 1, 1)]
    candidate = [pods("c0", 1, 1.25), pods("c1", 1, 1.25)]
    router = running(endpoint(stable, candidate))
    until("all are healthy", lambda: {"a1", "b2"} <= router.whole())
    called(router, 100)
    # Some places of the tables are wanted by two marks.
    until("copies are answered", lambda: compared(stable, candidate).compared > 50)
    moment, found = time.time(), compared(stable, candidate)
    assert (found.state, found.different, found.greatest) == ("compared", found.compared, 0.5)
    assert found.message == f"{found.compared} of {found.compared} answers differ"
    # What was compared once is not counted again.
    again = compared(stable, candidate, moment)
    assert again.compared < found.compared / 2


def test_equal_models_answer_alike_and_lost_answers_are_no_differences(
    pods: Callable[..., ScorerProcess], running: Callable[..., Router]
) -> None:
    stable, candidate = [pods("s0", 1, 1)], [pods("c0", 1, 1.0001), pods("c1", 1, 1.0001)]
    router = running(endpoint(stable, candidate))
    until("all are healthy", lambda: {"a1", "b2"} <= router.whole())
    called(router, 60)
    until("copies are answered", lambda: compared(stable, candidate).compared > 30)
    assert compared(stable, candidate).different == 0
    candidate[1].stop()
    found = compared(stable, candidate)
    assert (found.state, found.different) == ("compared", 0)
    assert 0 < found.compared < 60
    assert "1 Pods did not show theirs" in found.message


def test_callers_see_no_kept_answer_and_mark_no_request(
    pods: Callable[..., ScorerProcess], running: Callable[..., Router]
) -> None:
    stable, candidate = [pods("s0", 1, 1)], [pods("c0", 1, 1)]
    routing = endpoint(stable, candidate)
    router = running(routing)
    until("all are healthy", lambda: {"a1", "b2"} <= router.whole())
    called(router, 5)
    until("copies are answered", lambda: compared(stable, candidate).compared > 0)
    for path in (f"{ANSWERS_PATH}?seconds=60", f"/api/v1/service/diabetes{ANSWERS_PATH}?seconds=9"):
        answer = router.ask({ANSWERS_HEADER: "read"}, path, b"", method="GET")
        assert (answer.status, "1.0" in answer.text) == (404, False)
    before = marks(stable[0])
    assert before
    router.follow(replace(routing, backends=routing.backends[:1], handling=Handling()))
    marked = {"x-comal-pair": "mine", "x-comal-mirror": "100"}
    assert router.ask(marked, body=BODY).status == 200
    assert marks(stable[0]) == before
