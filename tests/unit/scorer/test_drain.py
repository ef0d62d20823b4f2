"""SIGTERM under load: readiness goes first, every request that was accepted is answered."""

from __future__ import annotations

import http.client
import json
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from unit.scorer.conftest import Start
from unit.scorer.model_folders import brightness, diabetes, image_body, jpeg
from unit.scorer.scorer_process import ScorerProcess

ROW = json.dumps({"data": [[0.1] * 10]}).encode()


def test_requests_in_flight_are_finished(start: Start) -> None:
    scorer = start(brightness(rounds=20), COMAL_THREADS="1", COMAL_MAX_IN_FLIGHT="100")
    scorer.wait_ready()
    body = image_body(jpeg())
    with ThreadPoolExecutor(12) as clients:
        answers = [clients.submit(scorer.score, body) for _ in range(12)]
        wait_for_in_flight(scorer, 12)
        scorer.signal(signal.SIGTERM)
        statuses = Counter(answer.result().status for answer in answers)

    assert statuses == {200: 12}
    assert scorer.exit_code() == 0


def wait_for_in_flight(scorer: ScorerProcess, count: int) -> None:
    sample = f"comal_scorer_in_flight_requests {count}.0"
    while sample not in scorer.get("/metrics").body.decode().splitlines():
        assert scorer.process.poll() is None


def test_while_draining_it_answers_but_is_not_ready(start: Start) -> None:
    scorer = start(diabetes()[0], COMAL_DRAIN_SECONDS="2").wait_ready()
    kept = http.client.HTTPConnection("127.0.0.1", scorer.port, timeout=60)
    kept.request("POST", "/score", ROW)
    first = kept.getresponse()
    first.read()
    scorer.signal(signal.SIGTERM)
    while scorer.get("/readyz").status == 200:
        assert scorer.process.poll() is None

    kept.request("POST", "/score", ROW)
    second = kept.getresponse()
    second.read()

    assert first.getheader("connection") is None
    assert (second.status, second.getheader("connection")) == (200, "close")
    assert scorer.get("/livez").status == 200
    assert scorer.exit_code() == 0


def test_a_client_that_keeps_asking_loses_nothing(start: Start) -> None:
    scorer = start(diabetes()[0], COMAL_DRAIN_SECONDS="1").wait_ready()
    draining = threading.Event()
    statuses: Counter[int] = Counter()

    def ask() -> None:
        """Like a router: reuse the connection, leave when told to close, never start anew then."""
        connection = http.client.HTTPConnection("127.0.0.1", scorer.port, timeout=60)
        while True:
            connection.request("POST", "/score", ROW)
            answer = connection.getresponse()
            answer.read()
            statuses[answer.status] += 1
            if answer.getheader("connection") == "close":
                connection.close()
                return
            if statuses[200] > 200:
                draining.set()

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    draining.wait()
    scorer.signal(signal.SIGTERM)
    for client in clients:
        client.join()

    assert set(statuses) == {200}
    assert scorer.exit_code() == 0


def test_leaving_is_quiet_every_time(start: Start) -> None:
    for _ in range(5):
        scorer = start(diabetes()[0]).wait_ready()
        scorer.score(ROW)
        scorer.signal(signal.SIGTERM)

        assert scorer.exit_code() == 0
        assert "panicked" not in scorer.errors()


def test_a_full_queue_answers_503_at_once(start: Start) -> None:
    scorer = start(brightness(rounds=20), COMAL_THREADS="1", COMAL_MAX_IN_FLIGHT="2")
    scorer.wait_ready()
    body = image_body(jpeg())
    with ThreadPoolExecutor(8) as clients:
        answers = [job.result() for job in [clients.submit(scorer.score, body) for _ in range(8)]]
    refused = [answer for answer in answers if answer.status != 200]

    assert {answer.status for answer in answers} == {200, 503}
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    assert {answer.json["error"]["code"] for answer in refused} == {"overloaded"}
