"""Who owns `replicas`, by the API server's own book, and `/scale`."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.server import Client
from apiserver.test_serving_children import SPEC, Endpoint

pytestmark = pytest.mark.apiserver

SCALING = {"min": 2, "max": 10, "cpu": 70}


def deployment(endpoint: Endpoint) -> dict[str, Any]:
    revision = endpoint.status["stable"]["revision"]
    return endpoint.get("Deployment", f"diabetes-{revision}")


def owners(found: dict[str, Any]) -> set[str]:
    return {
        entry["manager"]
        for entry in found["metadata"]["managedFields"]
        if "f:replicas" in entry["fieldsV1"].get("f:spec", {})
    }


def autoscale(endpoint: Endpoint, replicas: int) -> None:
    """Write as an autoscaler does: through the Deployment's own `/scale`."""
    path = endpoint._path("Deployment", deployment(endpoint)["metadata"]["name"]) + "/scale"
    endpoint.admin.merge(path, {"spec": {"replicas": replicas}})


def make_it_apply(endpoint: Endpoint) -> None:
    """Let the operator write the whole Deployment: somebody took a label that it needs."""
    path = endpoint._path("Deployment", deployment(endpoint)["metadata"]["name"])
    endpoint.admin.merge(path, {"metadata": {"labels": {"app.kubernetes.io/name": "other"}}})
    endpoint.settle()
    assert deployment(endpoint)["metadata"]["labels"]["app.kubernetes.io/name"] == "comal-scorer"


def change(endpoint: Endpoint, **spec: Any) -> None:
    endpoint.admin.merge(endpoint._path("ModelDeployment", "diabetes"), {"spec": spec})
    endpoint.settle()


def test_replicas_pass_to_an_autoscaler_and_back(admin: Client, namespace: str) -> None:
    endpoint = Endpoint(admin, namespace, {**SPEC, "replicas": 5})
    endpoint.register(1)
    endpoint.settle()
    before = deployment(endpoint)
    assert (before["spec"]["replicas"], owners(before)) == (5, {"comal-operator"})

    change(endpoint, replicas=None, autoscaling=SCALING)
    assert "comal-operator-scale" in owners(deployment(endpoint))
    make_it_apply(endpoint)
    handed = deployment(endpoint)
    assert (handed["spec"]["replicas"], owners(handed)) == (5, {"comal-operator-scale"})
    [hpa] = endpoint.list("HorizontalPodAutoscaler")
    assert (hpa["spec"]["minReplicas"], hpa["spec"]["maxReplicas"]) == (2, 10)

    autoscale(endpoint, 7)
    endpoint.settle()
    assert deployment(endpoint)["spec"]["replicas"] == 7
    assert endpoint.status["stable"]["ready"] == "7/7"
    make_it_apply(endpoint)
    assert deployment(endpoint)["spec"]["replicas"] == 7

    change(endpoint, replicas=3, autoscaling=None)
    back = deployment(endpoint)
    assert (back["spec"]["replicas"], owners(back)) == (3, {"comal-operator"})
    assert endpoint.list("HorizontalPodAutoscaler") == []

    change(endpoint, replicas=None, autoscaling=SCALING)
    make_it_apply(endpoint)
    again = deployment(endpoint)
    assert (again["spec"]["replicas"], owners(again)) == (3, {"comal-operator-scale"})


def test_kubectl_scale_and_autoscalers_of_others(admin: Client, namespace: str) -> None:
    endpoint = Endpoint(admin, namespace, {**SPEC, "replicas": 2})
    endpoint.register(1)
    endpoint.settle()
    path = endpoint._path("ModelDeployment", "diabetes") + "/scale"
    scale = admin.get(path)
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (2, 2)
    revision = endpoint.status["stable"]["revision"]
    assert scale["status"]["selector"].endswith(f"comal.dev/revision={revision}")

    admin.merge(path, {"spec": {"replicas": 4}})
    endpoint.settle()
    assert deployment(endpoint)["spec"]["replicas"] == 4

    change(endpoint, replicas=None, autoscaling=SCALING)
    merge = "application/merge-patch+json"
    status, answer = admin.call("PATCH", path, {"spec": {"replicas": 9}}, merge)
    assert status == 422
    assert "both replicas and autoscaling" in answer["message"]
