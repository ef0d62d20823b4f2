"""`compare`: which answers are the same, and that no Pod's page ends it badly."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from comal_trainer.compare import _Answer, compare, difference
from comal_trainer.contract import ContractError
from comal_trainer.contract.comparison import Compared, Sides, compare_arguments, read_sides


@pytest.mark.parametrize(
    ("stable", "candidate", "expected"),
    [
        ([1.0], [1.0005], None),
        ([1.0], [1.5], 0.5),
        ([1.0, 5.0], [1.5, 3.0], 2.0),
        ([2000.0], [2001.0], None),
        ([2000.0], [2003.0], 3.0),
        ([0.0], [None], 0.0),
        ([None], [None], None),
        ([1.0], [1.0, 2.0], 0.0),
        ({"fraud": "yes"}, {"fraud": "no"}, 0.0),
        ({"fraud": [1, "yes"]}, {"fraud": [1, "yes"]}, None),
        ({"fraud": 1}, {"abuse": 1}, 0.0),
        (True, 1, 0.0),
        ("a", "a", None),
        (10**400, 10**400, None),
    ],
)
def test_how_far_two_answers_are_apart(stable: Any, candidate: Any, expected: float | None) -> None:
    found = difference(_Answer(1, stable), _Answer(1, candidate), 0.001)
    assert found == pytest.approx(expected) if expected is not None else found is None


def test_answers_of_another_length_differ_though_their_beginnings_do_not() -> None:
    assert difference(_Answer(1000, [1.0]), _Answer(999, [1.0]), 0.1) == 0.0


@pytest.fixture
def pod() -> Iterator[Callable[..., str]]:
    """Start servers that show what they are given."""
    with ExitStack() as started:

        def begin(body: Any, status: int = 200) -> str:
            text = body if isinstance(body, bytes) else json.dumps({"answers": body}).encode()

            class Shown(http.server.BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    self.send_response(status)
                    self.send_header("content-length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)

                def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
                    pass

            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shown)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            started.callback(server.server_close)
            started.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_address[1]}"

        yield begin


def kept(mark: str, *numbers: float, copy: bool = False, age: float = 1.0) -> dict[str, Any]:
    return {"mark": mark, "copy": copy, "age": age, "count": len(numbers), "answer": list(numbers)}


def between(candidate: list[str], stable: list[str], since: float = 0.0) -> Compared:
    now = time.time()
    return compare(Sides(tuple(candidate), tuple(stable), "/a", "h", since, now, 0.001, 20.0))


def test_only_pairs_of_a_copy_and_its_request_are_compared(pod: Callable[..., str]) -> None:
    candidate = pod([kept("a", 1, copy=True), kept("b", 2, copy=True), kept("c", 3)])
    lone = pod([kept("d", 4, copy=True), kept("lost", 9, copy=True)])
    stable = pod([kept("a", 1), kept("b", 5), kept("c", 7), kept("d", 4, copy=True)])
    other = pod([kept("d", 4), kept("late", 8)])
    found = between([candidate, lone], [stable, other])
    assert (found.state, found.compared, found.different, found.greatest) == ("compared", 3, 1, 3)
    assert found.message == "1 of 3 answers differ"


def test_what_was_compared_before_is_not_again(pod: Callable[..., str]) -> None:
    candidate = pod([kept("a", 1, copy=True, age=500), kept("b", 2, copy=True, age=20)])
    stable = pod([kept("a", 9, age=500), kept("b", 2, age=20)])
    found = between([candidate], [stable], since=time.time() - 100)
    assert (found.compared, found.different) == (1, 0)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"nothing here", 404, "its image keeps none (it is another one than Comal's scorer)"),
        (b"<html>", 200, "HTTP 200, and no answers of Comal's scorer"),
        (b'{"answers": [{"mark": 1}]}', 200, "HTTP 200, and no answers"),
        (b'{"error": {}}', 500, "HTTP 500, and no answers"),
    ],
)
def test_another_image_shows_no_answers_and_that_is_told(
    pod: Callable[..., str], body: bytes, status: int, said: str
) -> None:
    stable = pod([kept("a", 1)])
    found = between([pod(body, status)], [stable])
    assert found.state == "error"
    assert "nothing is compared: no Pod of the candidate shows its answers" in found.message
    assert said in found.message
    assert Compared.decode(found.encode()) == found


def test_a_pod_that_is_gone_is_missing_and_the_others_are_compared(pod: Callable[..., str]) -> None:
    candidate, stable = pod([kept("a", 1, copy=True)]), pod([kept("a", 1)])
    found = between([candidate, "http://127.0.0.1:1"], [stable])
    assert (found.compared, found.message) == (
        1,
        "0 of 1 answers differ; 1 Pods did not show theirs",
    )
    assert between(["http://127.0.0.1:1"], [stable]).state == "error"


def test_the_sides_travel_as_one_argument() -> None:
    sides = Sides(("http://a:1",), ("http://b:2", "http://[::1]:3"), "/p", "h", 1.5, 2.5, 0.1, 9.0)
    command, argument = compare_arguments(sides)
    assert (command, read_sides(argument.removeprefix("--sides="))) == ("compare", sides)
    with pytest.raises(ContractError, match="--sides are none"):
        read_sides('{"candidate": 1}')


@pytest.mark.parametrize(
    "text",
    [
        '{"state":"odd","message":"","compared":1,"different":0,"greatest":0}',
        '{"state":"compared","message":"","compared":1,"different":2,"greatest":0}',
        '{"state":"compared","message":"","compared":true,"different":0,"greatest":0}',
        "{}",
    ],
)
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(ContractError):
        Compared.decode(text)
