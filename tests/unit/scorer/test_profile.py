"""The load that sizes are judged by, on a real scorer."""

from __future__ import annotations

import http.server
import json
import threading

from comal_trainer.contract.profile import Profiled, profile_arguments
from comal_trainer.profile import Load, profile
from unit.scorer.conftest import Start
from unit.scorer.model_folders import diabetes
from unit.scorer.scorer_process import ScorerProcess, free_port

BODY = json.dumps({"data": [[0.1] * 10]}).encode()


def load(scorer: ScorerProcess, body: bytes = BODY, seconds: int = 1) -> Profiled:
    answer = profile(Load(f"http://127.0.0.1:{scorer.port}", body, seconds, 2))
    assert Profiled.decode(answer.encode()) == answer
    return answer


def test_a_load_tells_times_rate_and_memory(matrix_scorer: ScorerProcess) -> None:
    answer = load(matrix_scorer)
    assert answer.error is None
    assert answer.requests > 10
    assert (answer.errors, answer.restarts) == (0, 0)
    assert 0 < float(answer.p50) <= float(answer.p95) <= float(answer.p99)
    assert float(answer.rate) > 10
    # A Python process with ONNX Runtime.
    assert 20 * 2**20 < answer.peak < 2**32


def test_a_request_that_the_model_refuses_is_told(matrix_scorer: ScorerProcess) -> None:
    answer = load(matrix_scorer, b'{"data": [[1, 2]]}')
    assert answer.error is not None
    assert answer.error.reason == "RequestRefused"
    assert "HTTP 400" in answer.error.message


def test_a_scorer_that_never_comes_up_is_told() -> None:
    answer = profile(Load(f"http://127.0.0.1:{free_port()}", BODY, 1, 1), patience=0.5)
    assert answer.error is not None
    assert answer.error.reason == "ScorerNotReady"


def test_a_scorer_that_goes_away_under_the_load_is_told(start: Start) -> None:
    scorer = start(diabetes()[0]).wait_ready()
    timer = threading.Timer(0.5, scorer.stop)
    timer.start()
    answer = load(scorer, seconds=2)
    timer.join()
    assert answer.errors > 0
    assert answer.restarts == 1


def test_requests_that_fail_are_counted() -> None:
    class Flaky(http.server.BaseHTTPRequestHandler):
        answered = 0

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def do_POST(self) -> None:
            type(self).answered += 1
            self.send_response(503 if self.answered % 2 == 0 else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Flaky)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    answer = profile(Load(f"http://127.0.0.1:{server.server_port}", BODY, 1, 2))
    server.shutdown()
    server.server_close()
    thread.join()
    assert answer.requests > 0
    assert answer.errors > 0


def test_the_request_is_text_whatever_it_holds() -> None:
    arguments = profile_arguments({"x": "$(HOME)"}, url="http://h:1", seconds=5, concurrency=2)
    assert arguments[-1] == '--body={"x":"$$(HOME)"}'
