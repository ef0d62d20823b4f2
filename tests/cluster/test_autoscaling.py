"""Load makes Pods: the autoscaler, the real metrics, and a number that nobody resets."""

from __future__ import annotations

import json

import pytest

from cluster_words import a_deployment, a_run, a_step, wait_condition
from demo.kubectl import Kubectl, Manifest, wait_for
from demo.traffic import start_traffic

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

ROW = json.dumps({"data": [[0.03, 0.05, 0.06, 0.02, -0.04, -0.03, -0.04, -0.002, 0.02, -0.02]]})
PREDICTOR = {"resources": {"requests": {"cpu": "20m", "memory": "64Mi"}}}
REVISIONS = ("-l", "app.kubernetes.io/component=scorer")


def replicas(kubectl: Kubectl) -> int:
    [deployment] = kubectl.items("deployments", *REVISIONS)
    return int(deployment["spec"]["replicas"])


def grown(kubectl: Kubectl) -> int | None:
    return replicas(kubectl) if replicas(kubectl) >= 2 else None


def test_load_makes_pods(kubectl: Kubectl, images: dict[str, str]) -> None:
    # Without it this cluster cannot scale by CPU at all: `make up` brings it on the local node.
    kubectl.run("wait", "--for=condition=Available", "apiservice/v1beta1.metrics.k8s.io")
    steps = (a_step(name, args=["diabetes", name]) for name in ("train", "evaluate"))
    kubectl.apply(a_run("first", *steps, register={"model": "diabetes"}))
    endpoint = a_deployment(
        "busy", model={"name": "diabetes", "latest": True}, predictor=PREDICTOR, replicas=1
    )
    kubectl.apply(endpoint)
    found = wait_condition(kubectl, "mdep", "busy", ("Ready", "True"), seconds=240)

    spec: Manifest = {**endpoint["spec"], "autoscaling": {"min": 1, "max": 3, "cpu": 60}}
    del spec["replicas"]
    kubectl.apply({**endpoint, "spec": spec})
    wait_condition(kubectl, "mdep", "busy", ("Ready", "True"), seconds=60)
    assert replicas(kubectl) == 1, "handed over as it was"

    url = found["status"]["url"]
    load = start_traffic(kubectl, "crowd", image=images["scorer"], url=url, body=ROW, rate=150)
    pods = wait_for("more Pods", lambda: grown(kubectl), seconds=180)
    wait_condition(kubectl, "mdep", "busy", ("Ready", "True"), seconds=60)
    totals = load.stop()
    assert totals.lost == 0, totals.failures

    # Back into our hands: at once at what Git says, and the autoscaler is gone.
    kubectl.apply({**endpoint, "spec": {**endpoint["spec"], "replicas": pods + 1}})
    wait_condition(kubectl, "mdep", "busy", ("Ready", "True"), seconds=60)
    assert replicas(kubectl) == pods + 1
    assert kubectl.items("hpa") == []
