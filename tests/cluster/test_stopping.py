"""An endpoint that its owner stops (`spec.suspend`): a clear 503, and back without a loss."""

from __future__ import annotations

import json

import pytest

from callers import Callers
from cluster_words import a_deployment, wait_condition
from demo.kubectl import Kubectl, Manifest, wait_for
from demo.traffic import start_traffic
from table_model import GOOD

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

# As many connections as make it sure that both routers were asked.
MANY = 8
SCORERS = "app.kubernetes.io/component=scorer,comal.dev/model-deployment=shop"


def applied(kubectl: Kubectl, *, suspend: bool) -> Manifest:
    """Return the endpoint as soon as every router does what the spec says now."""
    model = {"name": "table", "version": "1"}
    kubectl.apply(a_deployment("shop", model=model, suspend=suspend))
    reason = "Suspended" if suspend else "Serving"
    return wait_condition(kubectl, "mdep", "shop", ("Ready", "True"), reason=reason, seconds=240)


def pods(kubectl: Kubectl) -> str:
    return kubectl.run("get", "pods", "-l", SCORERS, "-o", "name")


def test_a_stopped_endpoint_says_so_and_comes_back(served: Kubectl, images: dict[str, str]) -> None:
    url = applied(served, suspend=False)["status"]["url"]
    callers = Callers(served, images["scorer"], url, GOOD)
    assert callers.codes({}) == [200]
    before = pods(served)

    stopped = applied(served, suspend=True)
    assert {one["acknowledgedPercent"] for one in stopped["status"]["traffic"]} == {"0"}
    for answer in callers.call(*[{}] * MANY):
        assert answer.status == 503
        error = json.loads(answer.body)["error"]
        assert error["code"] == "suspended"
        assert "shop is stopped by its owner (spec.suspend)" in error["message"]
    assert pods(served) == before, "what is stopped in a hurry must be back in a hurry"

    applied(served, suspend=False)
    traffic = start_traffic(served, "shop-callers", image=images["scorer"], url=url, body=GOOD)
    wait_for("a hundred calls", lambda: traffic.totals().sent >= 100 or None, seconds=60)
    totals = traffic.stop()
    assert totals.lost == 0, totals.failures
