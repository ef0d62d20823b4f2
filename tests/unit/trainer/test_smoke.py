"""`smoke`: one request to a real server, and what its answer is held against."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from comal_trainer.contract import ContractError
from comal_trainer.contract.smoke import Smoked, Trial, read_trial, smoke_arguments
from comal_trainer.smoke import difference, smoke

BODY = json.dumps({"data": [[1, 2], [2, 1]]})
TRIAL = Trial("", "POST", {}, BODY, 200, None, 0.0, 0, 5.0)


@dataclass
class Candidate:
    """A scorer that answers one thing, at first with 503."""

    answer: str
    busy: int = 0
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(candidate: Candidate) -> Iterator[Candidate]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            candidate.asked.append((self.path, body, headers))
            busy = len(candidate.asked) <= candidate.busy
            self.send_response(503 if busy else 200)
            self.end_headers()
            self.wfile.write(b"busy" if busy else candidate.answer.encode())

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    candidate.url = f"http://127.0.0.1:{server.server_port}/score"
    try:
        yield candidate
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_right_answer_passes_and_the_request_is_as_it_was_written() -> None:
    with serving(Candidate('{"result": [5215.18, 3727.03], "more": 1}')) as candidate:
        trial = replace(
            TRIAL,
            url=candidate.url,
            headers={"traceparent": "00-x-y-00"},
            json='{"result": [5215.2, null]}',
            tolerance=0.1,
        )
        told = smoke(trial)
    assert told == Smoked(True, "POST /score was answered right")
    [(path, body, headers)] = candidate.asked
    assert (path, body) == ("/score", BODY)
    assert headers["traceparent"] == "00-x-y-00"
    assert headers["content-type"] == "application/json"


def test_every_request_can_be_traced() -> None:
    with serving(Candidate("{}")) as candidate:
        smoke(replace(TRIAL, url=candidate.url))
    version, trace, span, _ = candidate.asked[0][2]["traceparent"].split("-")
    assert (version, len(trace), len(span)) == ("00", 32, 16)


def test_it_is_patient_as_often_as_it_may_be() -> None:
    with serving(Candidate("{}", busy=2)) as candidate:
        url = candidate.url
        assert not smoke(replace(TRIAL, url=url, retries=1), pause=0).passed
        assert smoke(replace(TRIAL, url=url, retries=1), pause=0).passed
    assert "503 instead of 200: busy" in _failed(Candidate("{}", busy=9))
    assert "no answer" in smoke(replace(TRIAL, url="http://127.0.0.1:1/score")).message


def _failed(candidate: Candidate) -> str:
    with serving(candidate):
        return smoke(replace(TRIAL, url=candidate.url)).message


@pytest.mark.parametrize(
    ("wanted", "found", "says"),
    [
        ({"result": [1, 2]}, {"result": [1]}, "answer.result has 1 items, not 2"),
        ({"result": [1]}, {"error": "x"}, "answer has no 'result'"),
        ({"result": [1]}, [1], "answer is [1], not an object"),
        ([{"a": "x"}], [{"a": "y"}], 'answer[0].a is "y", not "x"'),
        ([1.0], [1.2], "answer[0] is 1.2, not 1.0 within 0.1"),
        ([1.0], [1.05], ""),
        ([True], [1], "answer[0] is 1, not true"),
        ([None, {}], ["anything", {"b": 1}], ""),
    ],
)
def test_where_an_answer_differs(wanted: Any, found: Any, says: str) -> None:
    assert difference(wanted, found, 0.1) == says


def test_what_is_no_json_is_said_so() -> None:
    with serving(Candidate("<html>")) as candidate:
        said = smoke(replace(TRIAL, url=candidate.url, json="{}")).message
        assert "the answer is no JSON: <html>" in said
        said = smoke(replace(TRIAL, url=candidate.url, json="{")).message
        assert "smoke.expect.json is no JSON" in said


def test_the_arguments_bring_the_trial_whole() -> None:
    trial = replace(TRIAL, url="http://a:8080/x", body='{"a": "$(HOME)"}', headers={"b": "c"})
    command, flag = smoke_arguments(trial)
    assert command == "smoke"
    # The kubelet turns $$( back into $( and expands nothing.
    assert read_trial(flag.removeprefix("--trial=").replace("$$(", "$(")) == trial
    with pytest.raises(ContractError, match="no trial"):
        read_trial("{}")
