"""Several worker processes behind one port: they answer, count and end as one."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from pathlib import Path

from unit.scorer.conftest import Start
from unit.scorer.model_folders import brightness, diabetes
from unit.scorer.scorer_process import ScorerProcess

GOOD = json.dumps({"data": [[0.1] * 10]}).encode()
TWO = {"COMAL_WORKERS": "2"}


def workers(scorer: ScorerProcess) -> set[int]:
    pid = scorer.process.pid
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def sample(scorer: ScorerProcess, name: str) -> float:
    lines = scorer.get("/metrics").body.decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_any_worker_tells_the_counts_of_all(start: Start) -> None:
    scorer = start(diabetes()[0], **TWO).wait_ready()

    statuses = Counter(scorer.score(GOOD).status for _ in range(100))

    assert statuses == {200: 100}
    assert len(workers(scorer)) == 2
    for _ in range(10):
        assert sample(scorer, 'comal_scorer_requests_total{code="200"}') == 100
        assert sample(scorer, "comal_scorer_request_duration_seconds_count") == 100
        assert sample(scorer, "comal_scorer_in_flight_requests") == 0
    busy = [pid for pid in workers(scorer) if ticks(pid) > 0]
    assert len(busy) == 2


def ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_worker_that_is_killed_is_replaced(start: Start) -> None:
    scorer = start(diabetes()[0], **TWO).wait_ready()
    for _ in range(10):
        scorer.score(GOOD)
    before = workers(scorer)
    dead = min(before)

    os.kill(dead, signal.SIGKILL)
    limit = time.monotonic() + 60
    while len(workers(scorer) - before) < 1 and time.monotonic() < limit:
        time.sleep(0.01)
    scorer.wait_ready()
    answered = [attempt(scorer) for _ in range(50)]

    assert dead not in workers(scorer)
    assert len(workers(scorer)) == 2
    assert answered.count(200) >= 49
    # Killed between an answer and its count, a worker takes that one along.
    counted = sample(scorer, 'comal_scorer_requests_total{code="200"}')
    assert counted >= 10 + answered.count(200) - 1
    assert '"event": "worker died"' in scorer.errors()


def attempt(scorer: ScorerProcess) -> int:
    """Return the status, 0 for a connection that went to the worker that is gone."""
    try:
        return scorer.score(GOOD).status
    except ConnectionError:
        return 0


def test_they_end_together_and_lose_nothing(start: Start) -> None:
    scorer = start(diabetes()[0], **TWO, COMAL_DRAIN_SECONDS="3").wait_ready()
    pids = workers(scorer)
    statuses: Counter[int] = Counter()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            statuses[attempt(scorer)] += 1

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    scorer.signal(signal.SIGTERM)
    # Routers stop sending while it drains; only after that does it close its port.
    time.sleep(1)
    stop.set()
    for client in clients:
        client.join()

    assert set(statuses) == {200}
    assert scorer.exit_code() == 0
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_a_taken_port_ends_all_with_one_message(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        scorer = start(diabetes()[0], **TWO, COMAL_PORT=str(taken.getsockname()[1]))
        code = scorer.exit_code()

    assert code == 1
    assert "port" in scorer.termination_message()["message"]


def test_a_slow_model_has_one_process_and_threads(start: Start) -> None:
    scorer = start(brightness(rounds=20), COMAL_WORKERS="", COMAL_THREADS="2").wait_ready()

    assert workers(scorer) == set()


def test_a_quick_model_has_a_process_for_each_core(start: Start) -> None:
    scorer = start(diabetes()[0], COMAL_WORKERS="", COMAL_THREADS="3").wait_ready()

    assert len(workers(scorer)) == 3
