"""Who may call by where they come from; only a named proxy may say for whom it calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from comal_operator.core.serving.handling import Handling
from router.endpoint import Endpoint
from router.running import Answer, Router, swap, until
from router.scorers import Scorer

pytestmark = pytest.mark.timeout(180)

FRIEND, STRANGER, PROXY = "127.0.0.5", "127.0.0.6", "127.0.1.7"
ALLOWED = ("127.0.0.5/32", "192.0.2.0/24")
OPEN = ("/", "/v2/health/live", "/v2/health/ready")
KEY = "k" * 20


@pytest.fixture
def start(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> Callable[[Handling], Router]:
    def begin(handling: Handling) -> Router:
        router = running(Endpoint(scorers, stable=1).routing(None, handling))
        until("all are healthy", lambda: router.whole() == {"a1", "last-resort"})
        return router

    return begin


def is_refused(answer: Answer, address: str) -> bool:
    """Return whether the router refuses, as it should, and says whom."""
    if answer.status != 403:
        return False
    error = json.loads(answer.text)["error"]
    assert error["code"] == "address-not-allowed"
    assert "www-authenticate" not in answer.headers
    return bool(error["message"].startswith(f"{address} may not call"))


def test_networks_are_let_in_and_headers_change_nothing(
    start: Callable[[Handling], Router],
) -> None:
    router = start(Handling(ip_allow=ALLOWED))
    assert router.ask(caller=FRIEND).status == 200
    assert is_refused(router.ask(caller=STRANGER), STRANGER)
    for header in ("x-forwarded-for", "x-real-ip", "forwarded", "x-envoy-external-address"):
        assert router.ask({header: FRIEND}, caller=STRANGER).status == 403
    assert router.ask({"x-forwarded-for": STRANGER}, caller=FRIEND).status == 200


def test_a_proxy_speaks_for_others(start: Callable[[Handling], Router]) -> None:
    router = start(Handling(ip_allow=ALLOWED, proxies=("127.0.1.0/24",)))

    def through(*addresses: str) -> Answer:
        return router.ask({"x-forwarded-for": ", ".join(addresses)}, caller=PROXY)

    assert through("192.0.2.1").status == 200
    assert through(STRANGER, "192.0.2.1").status == 200
    assert is_refused(through("198.51.100.1"), "198.51.100.1")
    assert is_refused(through("192.0.2.1", "198.51.100.1"), "198.51.100.1"), "written by anybody"
    assert router.ask(caller=PROXY).status == 403, "no word for whom"
    assert router.ask({"x-forwarded-for": "192.0.2.1"}, caller=STRANGER).status == 403
    assert router.ask({"x-forwarded-for": STRANGER}, caller=FRIEND).status == 200
    assert router.ask({"x-forwarded-for": "what"}, caller=PROXY).status == 403


def test_whether_it_is_well_anybody_may_ask(
    start: Callable[[Handling], Router], tmp_path: Path
) -> None:
    (tmp_path / "keys").mkdir()
    swap(tmp_path / "keys", {"primary": KEY, "secondary": KEY})
    router = start(Handling(ip_allow=ALLOWED, has_keys=True))
    key = {"authorization": f"Bearer {KEY}"}
    for path in OPEN:
        assert router.ask(method="GET", path=path, caller=STRANGER).status == 200
        assert router.ask(method="GET", path=path, caller=FRIEND).status == 200
        assert router.ask(path=path, caller=FRIEND).status == 401, "by GET alone"
        assert router.ask(path=path, caller=STRANGER).status == 403
    closed = ("/score", "/metrics", "/swagger.json", "/v2/models/m", "/v2/health/live/x", "/v2/..")
    for path in (*closed, "/v2/health/live/../../score", "/%2e/score", "/readyz"):
        status = router.ask(method="GET", path=path, caller=FRIEND).status
        assert status == (200 if path == "/v2/.." else 401), path
    assert is_refused(router.ask(key, caller=STRANGER), STRANGER)
    assert router.ask(key, caller=FRIEND).status == 200
