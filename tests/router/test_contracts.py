"""Every contract of the scorer through a router: the same answers, mistakes told as mistakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from comal_operator.core.serving.endpoints import Backend, Routing
from comal_operator.core.serving.handling import Role
from fuzz.services import Service, services
from router.running import Router, until
from unit.scorer.scorer_process import ScorerProcess

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("service", tuple(services()), ids=lambda one: one.name)
def test_a_router_adds_nothing_and_takes_nothing(
    service: Service, running: Callable[..., Router], tmp_path: Path
) -> None:
    folder = tmp_path / "scorer"
    folder.mkdir()
    scorer = ScorerProcess(service.package, folder, **dict(service.environment)).wait_ready()
    try:
        backend = Backend("a1", "100", (("127.0.0.1", scorer.port),), Role.STABLE, "model-v3")
        router = running(Routing("diabetes", (backend,), None, 20.0))
        until("the scorer is healthy", lambda: router.whole() == {"a1"})
        answered = 0
        for seed in service.seeds:
            headers = dict(seed.headers)
            if "inference-header-content-length" in headers:
                continue
            named = {name.replace("-", "_"): value for name, value in headers.items()}
            straight = scorer.request(seed.method, seed.path, seed.body, **named)
            answer = router.ask(headers, seed.path, seed.body, method=seed.method)
            assert answer.status == straight.status
            assert without_time(answer.text) == without_time(straight.body.decode())
            answered += answer.status == 200
        assert answered
        assert router.ask(path="/", body=b"", method="GET").text == "Healthy"
        wrong = router.ask({"content-type": "application/json"}, body=b"[")
        assert wrong.status == 400
        assert json.loads(wrong.text)["error"]["message"]
    finally:
        scorer.stop()


def without_time(text: str) -> object:
    """Return an answer without how long it took, which image-url says."""
    found = json.loads(text)
    if isinstance(found, dict):
        found.pop("time", None)
    return found
