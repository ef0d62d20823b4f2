"""Who has one of two keys is let in, and keys change under load without a failed call."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from comal_operator.core.serving.handling import Handling
from router.endpoint import Endpoint
from router.running import Router, swap, until
from router.scorers import Scorer

pytestmark = pytest.mark.timeout(180)

FIRST, SECOND, THIRD = ("k" * 20 + end for end in "123")


@pytest.fixture
def keys(tmp_path: Path) -> Callable[..., None]:
    """Write keys as the kubelet does."""
    folder = tmp_path / "keys"
    folder.mkdir()

    def write(primary: str, secondary: str) -> None:
        swap(folder, {"primary": primary, "secondary": secondary})

    write(FIRST, SECOND)
    return write


@pytest.fixture
def endpoint(scorers: Callable[[str], Scorer]) -> Endpoint:
    return Endpoint(scorers, stable=1)


@pytest.fixture
def router(endpoint: Endpoint, running: Callable[..., Router], keys: Callable[..., None]) -> Router:
    router = running(endpoint.routing(None, Handling(has_keys=True)))
    until("all are healthy", lambda: router.whole() == {"a1", "last-resort"})
    return router


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_key_lets_in_and_goes_no_further(router: Router, endpoint: Endpoint) -> None:
    assert router.ask(bearer(FIRST)).status == 200
    assert router.ask(bearer(SECOND)).status == 200
    for _, headers in endpoint.stable[0].asked:
        assert "authorization" not in headers
        assert not [one for one in headers if one.startswith("x-comal-key")]
    assert FIRST not in str(router.logged())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": FIRST},
        bearer("wrong"),
        bearer(FIRST[:-1]),
        bearer(FIRST + " " + SECOND),
        {"Authorization": "Basic " + FIRST},
        {"x-comal-key-primary": "Bearer me", "Authorization": "Bearer me"},
        {"x-comal-revision": "a1"},
    ],
    ids=str,
)
def test_without_a_key_nobody_gets_in(
    router: Router, endpoint: Endpoint, headers: dict[str, str]
) -> None:
    answer = router.ask(headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert '"code":"no-key"' in answer.text
    assert endpoint.stable[0].answered == 0


def test_an_empty_or_short_key_opens_nothing(router: Router, keys: Callable[..., None]) -> None:
    keys("", "short")
    until("the keys are followed", lambda: router.ask(bearer(FIRST)).status == 401)
    for key in ("", "short"):
        assert router.ask(bearer(key)).status == 401


def test_both_keys_change_under_load_without_a_failed_call(
    router: Router, keys: Callable[..., None]
) -> None:
    stop = threading.Event()
    told: Counter[int] = Counter()
    key = FIRST

    def call() -> None:
        while not stop.is_set():
            told[router.ask(bearer(key)).status] += 1

    caller = threading.Thread(target=call)
    caller.start()
    try:
        keys(FIRST, THIRD)
        until("the new key is followed", lambda: router.ask(bearer(THIRD)).status == 200)
        assert router.ask(bearer(SECOND)).status == 401
        key = THIRD
        before = told.total()
        until("callers have moved", lambda: told.total() > before + 2)
        keys(SECOND, THIRD)
        until("the old key is refused", lambda: router.ask(bearer(FIRST)).status == 401)
        before = told.total()
        until("calls go on", lambda: told.total() > before + 20)
    finally:
        stop.set()
        caller.join(timeout=30)
    assert set(told) == {200}, told


def test_a_line_end_in_the_secret_is_refused_but_breaks_nothing(
    router: Router, keys: Callable[..., None]
) -> None:
    keys(FIRST + "\n", SECOND)
    until("the keys are followed", lambda: router.ask(bearer(FIRST)).status in (200, 401))
    assert router.ask(bearer(SECOND)).status == 200
    assert router.process.poll() is None


def test_a_key_that_asks_too_often_is_told_429_and_the_other_is_not(
    endpoint: Endpoint, running: Callable[..., Router], keys: Callable[..., None]
) -> None:
    del keys
    router = running(endpoint.routing(None, Handling(has_keys=True, key_rate=1)))
    until("all are healthy", lambda: router.whole() == {"a1", "last-resort"})
    told: Counter[int] = Counter()

    def ask(key: str) -> int:
        status = router.ask(bearer(key)).status
        told[status] += 1
        return status

    until("it has asked too often", lambda: ask(FIRST) == 429)
    assert ask(SECOND) == 200
    # Who has no key, or a wrong one, has no limit to use up.
    assert {router.ask(bearer(f"wrong-{n}")).status for n in range(20)} == {401}
    assert {router.ask(path="/", method="GET", body=b"").status for _ in range(20)} == {200}
    until("its time has come again", lambda: ask(FIRST) == 200)
    until("it has asked too often again", lambda: ask(FIRST) == 429)
    while (answer := router.ask(bearer(FIRST))).status == 200:
        told[200] += 1
    assert answer.status == 429
    assert answer.headers["retry-after"] == "1"
    assert '"too-many-requests"' in answer.text
    assert "requestsPerSecondPerKey, 1" in answer.text
    # What is refused reaches no revision, so it counts against none.
    scored = [path for path, _ in endpoint.stable[0].asked if path == "/score"]
    assert len(scored) == told[200]
