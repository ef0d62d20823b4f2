"""Seed row T21: the scoring container under load in two sizes, and an endpoint that uses it."""

from __future__ import annotations

import json

import pytest

from cluster_words import a_deployment, a_run, a_step, score, wait_condition
from demo.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

REQUEST = {"data": [[0.03, 0.05, 0.06, 0.02, -0.04, -0.03, -0.04, -0.002, 0.02, -0.02]]}
SIZES = [{"cpu": "200m", "memory": "256Mi"}, {"cpu": "400m", "memory": "512Mi"}]
# Too small for Python itself: it is recorded, and stands in nobody's way. With 16Mi a scorer whose
# files nobody has read yet goes on reading them for minutes before it is killed.
TOO_SMALL = {"cpu": "200m", "memory": "8Mi"}


def test_the_recommended_size_is_what_the_endpoint_gets(
    kubectl: Kubectl, images: dict[str, str]
) -> None:
    profile = {"request": REQUEST, "sizes": [TOO_SMALL, *SIZES], "seconds": 3, "concurrency": 2}
    kubectl.apply(
        a_run(
            "profiled",
            a_step("train", role="Train", args=["diabetes", "train"]),
            a_step("evaluate", role="Evaluate", args=["diabetes", "evaluate"]),
            register={"model": "diabetes"},
            profile={**profile, "target": {"p95": "5s"}},
        )
    )
    wait_condition(kubectl, "trun", "profiled", ("Complete", "True"), seconds=700)
    [version] = kubectl.items("mver")
    found = version["spec"]["profile"]
    killed, small, large = found["sizes"]
    assert killed["error"] == "the scoring container was killed for memory"
    for size in (small, large):
        assert float(size["requestsPerSecond"]) > 0
        assert float(size["p50Ms"]) <= float(size["p95Ms"])
        assert size["errors"] == 0
    assert found["recommended"] == SIZES[0]
    assert int(small["peakMemory"].removesuffix("Mi")) <= 256

    kubectl.apply(
        a_deployment(
            "diabetes",
            model={"name": "diabetes", "version": "1"},
            predictor={"resources": {"fromProfile": True}},
        )
    )
    endpoint = wait_condition(kubectl, "mdep", "diabetes", ("Ready", "True"), seconds=240)
    pods = [
        pod
        for pod in kubectl.items("pods")
        if pod["metadata"]["labels"].get("app.kubernetes.io/component") == "scorer"
    ]
    assert pods
    for pod in pods:
        [container] = pod["spec"]["containers"]
        assert container["resources"] == {"requests": SIZES[0], "limits": SIZES[0]}
    status, _ = score(kubectl, images["scorer"], endpoint["status"]["url"], json.dumps(REQUEST))
    assert status == 200
