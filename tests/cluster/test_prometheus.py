"""A real Prometheus in the cluster judges candidates by what it has scraped from their Pods."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cluster_words import RESTRICTED, a_deployment, condition, wait_condition
from demo.kubectl import Kubectl, Manifest, wait_for
from demo.traffic import start_traffic
from table_model import POISON

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

# By name: Debian's Prometheus does not know Kubernetes.
SCRAPE = """
scrape_configs:
- job_name: scorers
  scrape_interval: 1s
  dns_sd_configs: [{names: [scorers], type: A, port: 8081, refresh_interval: 1s}]
"""
# The program is brought by the test: what images there are, nobody knows.
WAIT = "until [ -e /data/go ]; do sleep 1; done; exec /data/prometheus "
FLAGS = "--config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/data/series"
FAILED = (
    'sum(comal_scorer_requests_total{code="500"} * on (instance)'
    ' comal_scorer_model_info{revision="$(COMAL_CANDIDATE_REVISION)"})'
)


def prometheus(image: str) -> tuple[Manifest, ...]:
    """Return a Prometheus as a team has it in its namespace, without its program."""
    labels, name = {"app": "prometheus"}, {"name": "prometheus"}
    container = {
        "name": "prometheus",
        "image": image,
        "command": ["sh", "-c", WAIT + FLAGS],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": 9090}, "periodSeconds": 1},
        "securityContext": RESTRICTED,
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "scrape", "mountPath": "/etc/prometheus"},
        ],
    }
    volumes = [
        {"name": "data", "emptyDir": {}},
        {"name": "scrape", "configMap": name},
    ]
    pod = {
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": volumes,
    }
    scorers = {
        "app.kubernetes.io/component": "scorer",
        "comal.dev/model-deployment": "watched",
    }
    return (
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": name,
            "data": {"prometheus.yml": SCRAPE},
        },
        {"apiVersion": "v1", "kind": "Pod", "metadata": {**name, "labels": labels}, "spec": pod},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": name,
            "spec": {"selector": labels, "ports": [{"port": 9090}]},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "scorers"},
            "spec": {"clusterIP": "None", "selector": scorers, "ports": [{"port": 8081}]},
        },
    )


def start_prometheus(kubectl: Kubectl, image: str) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: make dev"
    program = Path(promtool).resolve().with_name("prometheus")
    kubectl.apply(*prometheus(image))
    running = "--for=jsonpath={.status.phase}=Running"
    kubectl.run("wait", running, "pod/prometheus", "--timeout=120s", timeout=150)
    kubectl.run("cp", str(program), "prometheus:/data/prometheus", timeout=180)
    kubectl.run("exec", "prometheus", "--", "touch", "/data/go")
    kubectl.run("wait", "--for=condition=Ready", "pod/prometheus", "--timeout=120s", timeout=150)


def endpoint(version: str, *approved: str) -> Manifest:
    query = {"address": "http://prometheus:9090", "query": FAILED, "max": "0", "every": "10s"}
    return a_deployment(
        "watched",
        model={"name": "table", "version": version},
        # What fails is answered by the other revision: nobody but Prometheus need hear of it.
        traffic={"fallback": {"when": ["Unavailable", "ServerError"]}},
        rollout={
            "steps": [{"percent": "50", "approval": "Required"}],
            "approvedRevisions": list(approved),
            "analysis": {
                "errors": {"maxRate": "1"},
                "checks": [{"name": "failures", "prometheus": query}],
            },
            "bake": "1s",
            "drain": "2s",
        },
    )


def passed(kubectl: Kubectl) -> str | None:
    """Return the candidate that waits for approval with what Prometheus says in its favour."""
    found = kubectl.find("mdep", "watched") or {}
    checks = found["status"].get("analysis", {}).get("checks", ())
    waits = condition(found, "Ready").get("reason") == "AwaitingApproval"
    good = [one["state"] for one in checks] == ["Passed"]
    return str(found["status"]["candidate"]["revision"]) if waits and good else None


def test_prometheus_lets_one_candidate_pass_and_rejects_another(
    served: Kubectl, images: dict[str, str]
) -> None:
    start_prometheus(served, images["scorer"])
    served.apply(endpoint("1"))
    found = wait_condition(served, "mdep", "watched", ("Ready", "True"), seconds=240)
    callers = start_traffic(
        *(served, "watched-callers"),
        image=images["scorer"],
        url=found["status"]["url"],
        body=POISON,
        rate=5,
    )

    served.apply(endpoint("2"))
    revision = wait_for("Prometheus passes it", lambda: passed(served), seconds=240)
    served.apply(endpoint("2", revision))
    found = wait_condition(served, "mdep", "watched", ("Ready", "True"), seconds=240)
    assert found["status"]["stable"]["modelVersion"] == "table-v2"

    served.apply(endpoint("3"))
    found = wait_condition(served, "mdep", "watched", ("Stalled", "True"), seconds=240)
    [rejected] = found["status"]["rejected"]
    assert (rejected["modelVersion"], rejected["reason"]) == ("table-v3", "CheckFailed")
    assert "failures" in rejected["message"]
    assert "instead of at most 0" in rejected["message"]
    totals = callers.stop()
    assert totals.lost == 0, totals.failures
