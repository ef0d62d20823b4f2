"""Whoever monitors is let in at a port where nobody can score."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from comal_scorer import contract
from unit.scorer.conftest import Start
from unit.scorer.model_folders import diabetes
from unit.scorer.scorer_process import Answer, ask, free_port

GOOD = json.dumps({"data": [[0.1] * 10]}).encode()
COUNTED = b'comal_scorer_requests_total{code="200"} '


def observed(port: int) -> Answer:
    """Return what is told there, as soon as somebody listens."""
    limit = time.monotonic() + 60
    while True:
        try:
            return ask(port, "GET", contract.METRICS_PATH)
        except ConnectionError:
            assert time.monotonic() < limit
            time.sleep(0.01)


def counted(answer: Answer) -> float:
    [line] = [one for one in answer.body.splitlines() if one.startswith(COUNTED)]
    return float(line.removeprefix(COUNTED))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_of_its_own_tells_the_counts_of_all_and_scores_nothing(
    start: Start, workers: str
) -> None:
    port = free_port()
    scorer = start(diabetes()[0], COMAL_WORKERS=workers, COMAL_METRICS_PORT=str(port)).wait_ready()
    assert observed(port).status == 200

    for _ in range(20):
        assert scorer.score(GOOD).status == 200
    told = observed(port)
    scored = ask(port, "POST", contract.SCORE_PATH, GOOD)
    pages = [ask(port, "GET", path).status for path in ("/", "/swagger.json")]
    posted = ask(port, "POST", contract.METRICS_PATH, b"{}")

    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert counted(told) == 20
    assert (scored.status, pages, posted.status) == (404, [404, 404], 405)
    # Nothing that was asked there is counted.
    assert counted(observed(port)) == 20


def test_the_one_that_tells_is_replaced_when_it_is_killed(start: Start) -> None:
    port = free_port()
    scorer = start(diabetes()[0], COMAL_WORKERS="2", COMAL_METRICS_PORT=str(port)).wait_ready()
    for _ in range(5):
        assert scorer.score(GOOD).status == 200
    assert counted(observed(port)) == 5
    main = scorer.process.pid
    # The first that was forked.
    first = min(map(int, Path(f"/proc/{main}/task/{main}/children").read_text().split()))

    os.kill(first, signal.SIGKILL)

    assert counted(observed(port)) == 5


def test_a_taken_port_is_named(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        scorer = start(diabetes()[0], COMAL_METRICS_PORT=port)

        assert scorer.exit_code() == 1

    assert port in scorer.termination_message()["message"]


def test_it_is_another_port_than_that_of_requests(start: Start) -> None:
    port = str(free_port())
    scorer = start(diabetes()[0], COMAL_PORT=port, COMAL_METRICS_PORT=port)

    assert scorer.exit_code() == 1
    assert scorer.termination_message()["message"].startswith(contract.METRICS_PORT_ENV)
