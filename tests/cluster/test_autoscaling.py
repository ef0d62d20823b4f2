"""Load makes Pods: the autoscaler, the real metrics, and a number that nobody resets."""

from __future__ import annotations

import pytest

from cluster_words import a_deployment, wait_condition
from demo.kubectl import Kubectl, Manifest, wait_for
from demo.traffic import start_traffic
from table_model import GOOD

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

PREDICTOR = {"resources": {"requests": {"cpu": "20m", "memory": "64Mi"}}}
REVISIONS = ("-l", "app.kubernetes.io/component=scorer,comal.dev/model-deployment=busy")


def replicas(kubectl: Kubectl) -> int:
    [deployment] = kubectl.items("deployments", *REVISIONS)
    return int(deployment["spec"]["replicas"])


def grown(kubectl: Kubectl) -> int | None:
    return replicas(kubectl) if replicas(kubectl) >= 2 else None


def test_load_makes_pods(served: Kubectl, images: dict[str, str]) -> None:
    # Without it this cluster cannot scale by CPU at all: `make up` brings it on the local node.
    served.run("wait", "--for=condition=Available", "apiservice/v1beta1.metrics.k8s.io")
    endpoint = a_deployment(
        "busy", model={"name": "table", "version": "1"}, predictor=PREDICTOR, replicas=1
    )
    served.apply(endpoint)
    found = wait_condition(served, "mdep", "busy", ("Ready", "True"), seconds=240)

    spec: Manifest = {**endpoint["spec"], "autoscaling": {"min": 1, "max": 3, "cpu": 60}}
    del spec["replicas"]
    served.apply({**endpoint, "spec": spec})
    wait_condition(served, "mdep", "busy", ("Ready", "True"), seconds=60)
    assert replicas(served) == 1, "handed over as it was"

    url = found["status"]["url"]
    load = start_traffic(served, "busy-crowd", image=images["scorer"], url=url, body=GOOD, rate=150)
    pods = wait_for("more Pods", lambda: grown(served), seconds=180)
    wait_condition(served, "mdep", "busy", ("Ready", "True"), seconds=60)
    totals = load.stop()
    assert totals.lost == 0, totals.failures

    # Back into our hands: at once at what Git says, and the autoscaler is gone.
    served.apply({**endpoint, "spec": {**endpoint["spec"], "replicas": pods + 1}})
    wait_condition(served, "mdep", "busy", ("Ready", "True"), seconds=60)
    assert replicas(served) == pods + 1
    assert served.items("hpa") == []
