"""A stopped endpoint at a real Envoy: a clear 503 for everybody but who looks for one revision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from comal_operator.core.serving.endpoints import Routing
from comal_operator.core.serving.handling import Handling, Role, Rule
from router.endpoint import EVERYBODY, Endpoint
from router.running import Router, until
from router.scorers import Scorer
from router.test_limits import error

pytestmark = pytest.mark.timeout(180)

HANDLING = Handling(
    rules=(Rule("x-api-version", "canary", Role.CANDIDATE),), sticky_by="x-user", suspended=True
)
CALLERS: tuple[dict[str, str], ...] = (
    {},
    {"x-api-version": "canary"},
    {"x-user": "one"},
    {"x-comal-no-fallback": "yes"},
)


def test_everybody_is_told_503_until_it_is_started_again(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    stopped = endpoint.routing("10", HANDLING)
    going: Routing = endpoint.routing("10", replace(HANDLING, suspended=False))
    router = running(going)
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    assert router.ask().status == 200

    router.write(router.config(stopped))
    until("nobody is answered", lambda: router.traffic() == {"a1": "0", "b2": "0"})
    for headers in CALLERS:
        for path in ("/score", "/api/v1/service/diabetes/score", "/v2/health/ready"):
            answer = router.ask(headers, path)
            assert (answer.status, error(answer.text)) == (503, "suspended")
            assert "diabetes is stopped by its owner (spec.suspend)" in answer.text
    # Load balancers leave it in, and who names a revision reaches it.
    for path in ("/", "/v2/health/live"):
        assert router.ask(path=path, method="GET").status == 200
        assert router.ask(path=path).status == 503
    assert router.score(3, headers={"x-comal-revision": "b2"}) == {"candidate": 3}

    router.follow(going)
    assert router.ask().status == 200


def test_a_dead_variant_is_not_replaced_by_another_revision(
    scorers: Callable[[str], Scorer], running: Callable[..., Router]
) -> None:
    endpoint = Endpoint(scorers)
    handling = Handling(variants=("green",), suspended=True)
    found = endpoint.routing("10", handling)
    backends = (found.backends[0], replace(found.backends[1], role="green"))
    router = running(replace(found, backends=backends))
    until("all are healthy", lambda: router.whole() == EVERYBODY)
    named = {"azureml-model-deployment": "green"}
    assert router.score(3, headers=named) == {"candidate": 3}
    for one in endpoint.candidate:
        one.stop()
    assert router.score(3, headers=named) == {"failed 503": 3}
