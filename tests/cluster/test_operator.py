"""What the operator's own Pods show: health, readiness, metrics that Prometheus' linter takes."""

from __future__ import annotations

import subprocess

import pytest

from demo.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]


@pytest.fixture
def pods(cluster: Kubectl) -> list[str]:
    """The addresses of the operator's Pods behind the API server's proxy."""
    operator = cluster.within("comal-system")
    operator.run("rollout", "status", "deployment/comal-operator", "--timeout=90s")
    found = operator.items("pods", "-l", "app.kubernetes.io/component=operator")
    names = [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]
    return [f"/api/v1/namespaces/comal-system/pods/{name}:8080/proxy" for name in names]


def test_both_replicas_are_alive_and_ready(cluster: Kubectl, pods: list[str]) -> None:
    assert len(pods) == 2
    for pod in pods:
        for path in ("healthz", "readyz"):
            cluster.run("get", "--raw", f"{pod}/{path}")


def test_promtool_is_content_with_the_metrics(cluster: Kubectl, pods: list[str]) -> None:
    for pod in pods:
        text = cluster.run("get", "--raw", f"{pod}/metrics")
        checked = subprocess.run(
            ["promtool", "check", "metrics"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "comal_" in text
        assert checked.returncode == 0, checked.stderr
