"""What is too large, too slow or too much is refused as HTTP means it, and says what to do."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from comal_operator.core.serving.endpoints import Routing
from comal_operator.core.serving.handling import Handling
from router.endpoint import EVERYBODY, Endpoint
from router.running import Router, until
from router.scorers import Scorer

pytestmark = pytest.mark.timeout(180)


def error(text: str) -> str:
    """Return the code of an error in the scorer's own shape."""
    found = json.loads(text)["error"]
    assert found["message"]
    return str(found["code"])


def test_a_body_beyond_the_limit_is_refused_with_413(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers, stable=1)
    router = running(endpoint.routing(None, Handling(body_bytes=5_000)))
    until("all are healthy", lambda: router.whole() == {"a1", "last-resort"})
    assert router.ask(body=b"x" * 5_000).status == 200
    answer = router.ask(body=b"x" * 5_001)
    assert (answer.status, error(answer.text)) == (413, "body-too-large")
    assert "limits.maxBody, 5000 bytes" in answer.text


def test_a_slow_answer_is_given_up_with_504(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers, stable=1)
    router = running(replace(endpoint.routing(None), timeout_seconds=0.5))
    until("all are healthy", lambda: router.whole() == {"a1", "last-resort"})
    endpoint.stable[0].delay = 30
    answer = router.ask()
    assert (answer.status, error(answer.text)) == (504, "timeout")
    assert "limits.timeout, 0.5 s" in answer.text


def test_a_slow_caller_is_given_up_with_408(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers, stable=1)
    router = running(replace(endpoint.routing(None), timeout_seconds=0.5))
    until("all are healthy", lambda: router.whole() == {"a1", "last-resort"})
    with socket.create_connection(("127.0.0.1", router.places.scoring_port), 30) as caller:
        caller.sendall(b"POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf of it")
        answer = caller.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 408 ")
    assert error(answer.partition("\r\n\r\n")[2]) == "body-too-slow"


def test_an_endpoint_without_pods_says_so_with_503(running: Callable[..., Router]) -> None:
    answer = running(Routing("diabetes", (), None, 5.0)).ask()
    assert (answer.status, error(answer.text)) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


def test_the_scorers_own_refusals_are_passed_on_unchanged(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers, stable=1)
    router = running(endpoint.routing("0"))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    for status in (400, 404, 408, 413, 415, 500, 503):
        endpoint.stable[0].status = status
        answer = router.ask()
        assert (answer.status, answer.text) == (status, "stable")
