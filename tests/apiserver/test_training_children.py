"""Every child of a run is taken by a real API server, its Pods in a restricted namespace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apiserver.server import Client
from comal_trainer.contract.images import ResolvedImages
from make import GATE, a_gated_run, a_registry, a_run, a_version, an_object
from training_world import World

pytestmark = pytest.mark.apiserver

PATHS = {
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Event": "/api/v1/namespaces/{}/events",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "ModelRegistry": "/apis/comal.dev/v1alpha1/namespaces/{}/modelregistries",
    "ModelVersion": "/apis/comal.dev/v1alpha1/namespaces/{}/modelversions",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Pod": "/api/v1/namespaces/{}/pods",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "TrainingRun": "/apis/comal.dev/v1alpha1/namespaces/{}/trainingruns",
}
PROFILED = {
    "requests": 9,
    "p50": "1",
    "p95": "2",
    "p99": "3",
    "rate": "9",
    "peak": 9,
    "error": None,
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
    world.remember_numbers()
    world.settle()
    return [dict(world.objects[key]) for key in world.made]


def everything_of_a_measured_run() -> list[dict[str, Any]]:
    """Return what is made beside: a tag's digest, data, a baseline on it, sizes under load."""
    gate = {**GATE, "baseline": {"measure": "SameData"}}
    run = a_run(
        steps=[{"name": "train"}, {"name": "evaluate", "role": "Evaluate"}],
        image="myacr.azurecr.io/team/train:7",
        serviceAccountName="pods",
        gate=gate,
        register={"model": "diabetes", "sign": {"model": "model/x.bin"}},
        data=[{"name": "a", "uri": "pvc://disk/a.csv"}, {"name": "b", "uri": "https://x/b.csv"}],
        profile={"request": {"data": [[1]]}, "sizes": [{"cpu": "500m", "memory": "512Mi"}]},
    )
    account = an_object("ServiceAccount", "pods", api="v1", imagePullSecrets=[{"name": "pull"}])
    world = World().add(run, account, a_registry(diabetes=1), a_version(1, mse="4000"))
    found = {"digest": "sha256:" + "b" * 64, "size": 1, "rows": 1}
    data = {"data": [{"name": name, **found} for name in ("a", "b")], "error": None}
    collected = {"metrics": {"mse": "1"}, "error": None, "baseline": {"mse": "2"}}
    digests = ResolvedImages({"0": "sha256:" + "b" * 64}).encode()
    answers = {
        "comal-resolve-images": digests,
        "comal-fetch-data": data,
        "comal-collect": collected,
        "comal-profile-0": PROFILED,
    }
    jobs = (
        "comal-resolve-images",
        "comal-fetch-data",
        "train",
        "evaluate",
        "comal-collect",
        "comal-convert",
    )
    for job in (*jobs, "comal-register", "comal-profile-0"):
        world.settle()
        world.end(job, said=answers.get(job))
    world.settle()
    return [dict(world.objects[key]) for key in world.made if key[0] != "Service"]


def everything_of_a_sweep() -> list[dict[str, Any]]:
    """Return a sweep's trial and its Job that suggests."""
    space = {"alpha": {"uniform": {"min": "0", "max": "1"}}}
    objective = {"metric": "mse", "goal": "Minimize"}
    world = World().add(a_run(sweep={"parameters": space, "maxTrials": 2, "objective": objective}))
    world.settle()
    world.end("comal-suggest-0", said={"trials": [["0.5"]], "error": None})
    world.settle()
    return [dict(world.objects[key]) for key in world.made if key in world.objects]


@pytest.mark.parametrize("everything", [everything_of_a_measured_run, everything_of_a_sweep])
def test_what_is_made_beside_is_taken_too(
    admin: Client, namespace: str, everything: Callable[[], list[dict[str, Any]]]
) -> None:
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    admin.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": restricted}})
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "pods"}}
    admin.post(PATHS["ServiceAccount"].format(namespace), account)
    made = everything()
    for child in made:
        _dry_run(admin, namespace, child)
        if child["kind"] == "Job":
            spec = {**child["spec"]["template"]["spec"], "serviceAccountName": "pods"}
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
            _dry_run(admin, namespace, pod)
    kinds = {child["kind"] for child in made}
    assert kinds & {"ModelVersion", "TrainingRun"}


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

    assert {child["kind"] for child in made} == set(PATHS) - {"Pod", "ModelRegistry", "TrainingRun"}


def _dry_run(admin: Client, namespace: str, body: dict[str, Any]) -> None:
    meta = {key: body["metadata"][key] for key in ("name", "labels") if key in body["metadata"]}
    where = PATHS[body["kind"]].format(namespace)
    if body["kind"] == "Event":
        # It must be where its object is.
        body = {**body, "involvedObject": {**body["involvedObject"], "namespace": namespace}}
    strict = {"dryRun": "All", "fieldValidation": "Strict"}
    status, answer = admin.call("POST", where, {**body, "metadata": meta}, **strict)
    assert status == 201, answer["message"]
