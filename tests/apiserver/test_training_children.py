"""Every child of a run is taken by a real API server, its Pods in a restricted namespace."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.server import Client
from make import a_gated_run, a_registry
from training_world import World

pytestmark = pytest.mark.apiserver

PATHS = {
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "ModelRegistry": "/apis/comal.dev/v1alpha1/namespaces/{}/modelregistries",
    "ModelVersion": "/apis/comal.dev/v1alpha1/namespaces/{}/modelversions",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Pod": "/api/v1/namespaces/{}/pods",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
}
STEP = {
    "name": "train",
    "command": ["python"],
    "env": [
        {"name": "A", "value": "b"},
        {"name": "T", "secretKeyRef": {"name": "s", "key": "k"}},
        {"name": "C", "configMapKeyRef": {"name": "c", "key": "k"}},
    ],
    "resources": {"requests": {"cpu": 1}, "limits": {"memory": "2Gi", "nvidia.com/gpu": 1}},
    "placement": {
        "nodeSelector": {"agentpool": "gpu"},
        "tolerations": [{"key": "sku", "operator": "Equal", "value": "gpu"}],
    },
}


def everything_made() -> list[dict[str, Any]]:
    """Return every object that the operator makes for a run from its start to its version."""
    run = a_gated_run(tags={"area": "diabetes"}, aliases=["candidate"], description="x")
    run["spec"] |= {
        "steps": [STEP],
        "experiment": "mlops/python",
        "source": {"revision": "4be1c0d", "buildId": "2026.1"},
        "parameters": {"alpha": "0.4"},
        "workspace": {"storageClassName": "fast", "mountPath": "/work"},
    }
    world = World().add(run, a_registry())
    world.register_everything()
    world.settle()
    return [dict(world.objects[key]) for key in world.made]


def test_every_child_is_taken(admin: Client, namespace: str) -> None:
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    admin.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": restricted}})
    admin.post(
        PATHS["ServiceAccount"].format(namespace),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "pods"}},
    )
    made = everything_made()
    for child in made:
        _dry_run(admin, namespace, child)
        if child["kind"] == "Job":
            spec = {**child["spec"]["template"]["spec"], "serviceAccountName": "pods"}
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
            _dry_run(admin, namespace, pod)

    assert {child["kind"] for child in made} == set(PATHS) - {"Pod", "ModelRegistry"}


def _dry_run(admin: Client, namespace: str, body: dict[str, Any]) -> None:
    meta = {key: body["metadata"][key] for key in ("name", "labels") if key in body["metadata"]}
    where = PATHS[body["kind"]].format(namespace)
    strict = {"dryRun": "All", "fieldValidation": "Strict"}
    status, answer = admin.call("POST", where, {**body, "metadata": meta}, **strict)
    assert status == 201, answer["message"]
