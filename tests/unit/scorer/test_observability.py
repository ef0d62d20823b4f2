"""Metrics that Prometheus' own linter accepts, and log lines that tie requests together."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import threading

import pytest

from comal_scorer.limits.admission import Admission, queue_length
from unit.scorer.conftest import Start
from unit.scorer.model_folders import diabetes
from unit.scorer.scorer_process import ScorerProcess

GOOD = b'{"data": [[0,0,0,0,0,0,0,0,0,0]]}'


def samples(scorer: ScorerProcess) -> dict[str, float]:
    lines = scorer.get("/metrics").body.decode().splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


def test_the_linter_is_content(matrix_scorer: ScorerProcess) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        raise RuntimeError("promtool is missing; install it: apt-get install prometheus")
    answer = matrix_scorer.get("/metrics")

    linted = subprocess.run(
        [promtool, "check", "metrics"], input=answer.body, capture_output=True, check=False
    )

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert (linted.returncode, linted.stdout + linted.stderr) == (0, b"")


def test_requests_are_counted_once_and_probes_are_not(start: Start) -> None:
    scorer = start(diabetes()[0]).wait_ready()

    for _ in range(3):
        scorer.score(GOOD)
    for _ in range(2):
        scorer.score(b"")
    scorer.get("/nothing")
    scorer.get("/readyz")
    seen = samples(scorer)

    counted = {
        name: value
        for name, value in seen.items()
        if name.startswith("comal_scorer_requests_total")
    }
    assert {name: value for name, value in counted.items() if value} == {
        'comal_scorer_requests_total{code="200"}': 3,
        'comal_scorer_requests_total{code="400"}': 2,
        'comal_scorer_requests_total{code="404"}': 1,
    }
    assert seen["comal_scorer_request_duration_seconds_count"] == 3
    assert seen["comal_scorer_in_flight_requests"] == 0


def test_each_request_writes_one_line(start: Start) -> None:
    scorer = start(diabetes()[0]).wait_ready()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    scorer.score(GOOD, x_request_id="first", traceparent=trace)
    scorer.score(b"secret", x_request_id="second", traceparent="no trace")
    first, second = scorer.log_lines(at_least=2)

    assert (first["requestId"], first["status"], first["traceparent"]) == ("first", 200, trace)
    assert (first["model"], first["modelVersion"], first["revision"]) == ("model", "3", "7c9f")
    assert first["ms"] > 0
    assert first["predictions"] == 1
    assert (second["requestId"], second["status"]) == ("second", 400)
    assert second["error"] == "body-not-json"
    assert "traceparent" not in second
    assert "secret" not in str(second)


def test_the_request_log_can_be_switched_off(start: Start) -> None:
    scorer = start(diabetes()[0], COMAL_REQUEST_LOG="off").wait_ready()

    scorer.score(GOOD)
    scorer.signal(signal.SIGTERM)

    assert scorer.exit_code() == 0
    assert scorer.log_lines() == []


@pytest.mark.parametrize(
    ("inline", "light", "here"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_only_quick_work_of_a_quick_model_holds_the_event_loop(
    inline: bool, light: bool, here: bool
) -> None:
    admission = Admission(inline=inline, threads=1, most=2, moved=lambda _: None)

    async def ask() -> int:
        return await admission.run(lambda _: threading.get_ident(), None, light=light)

    assert (asyncio.run(ask()) == threading.get_ident()) is here


def test_the_queue_holds_two_seconds_of_work() -> None:
    assert queue_length(0.1, threads=1) == 20
    assert queue_length(0.1, threads=4) == 80
    assert queue_length(30, threads=2) == 4
    assert queue_length(1e-6, threads=1) == 256
    assert queue_length(0, threads=1) == 256
