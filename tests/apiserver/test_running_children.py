"""What steps of every kind need is taken by a real API server, and ends as it should."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.server import Client
from comal_operator.core.names import LABEL_STEP
from make import DIGEST, a_run, an_ended_pod, ended_job
from training_world import World

pytestmark = pytest.mark.apiserver

PATHS = {
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "Service": "/api/v1/namespaces/{}/services",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "TrainingRun": "/apis/comal.dev/v1alpha1/namespaces/{}/trainingruns",
}
SEALED = {"outputs": [{"digest": DIGEST, "size": 3, "files": 1}], "error": None}


def everything_made(framework: str, mode: str) -> list[dict[str, Any]]:
    """Return every object that is made for a cached step and a queued gang after it."""
    run = a_run(name="r" * 40, queue="team-a", workspace={"accessModes": [mode]})
    run["spec"]["steps"] = [
        {"name": "prepare", "outputs": ["data/"], "cache": {}, "progress": {"from": "File"}},
        {
            "name": "s" * 40,
            "distributed": {"framework": framework, "workers": 64},
            "checkpoint": {"path": "checkpoints"},
        },
    ]
    world = World().add(run)
    for part in ("prepare", "seal-prepare"):
        world.settle("r" * 40)
        job = next(
            one
            for one in world.objects.values()
            if one["kind"] == "Job"
            and one["metadata"].get("labels", {}).get(LABEL_STEP, "").startswith(part)
        )
        job = {**job, "spec": {**job["spec"], "suspend": False}}
        world.add(an_ended_pod(job, said=SEALED), ended_job(job))
    world.settle("r" * 40)
    return [dict(world.objects[key]) for key in world.made if key in world.objects]


@pytest.mark.parametrize("mode", ["ReadWriteMany", "ReadWriteOnce"])
@pytest.mark.parametrize("framework", ["TensorFlow", "PyTorch"])
def test_every_child_is_taken(admin: Client, namespace: str, framework: str, mode: str) -> None:
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    admin.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": restricted}})
    made = everything_made(framework, mode)
    assert {child["kind"] for child in made} >= {"Service", "Job", "NetworkPolicy"}
    assert any("comal-cache" in child["metadata"]["name"] for child in made)
    for child in made:
        meta = {key: child["metadata"][key] for key in ("name", "labels")}
        body = {k: v for k, v in child.items() if k != "status"} | {"metadata": meta}
        strict = {"dryRun": "All", "fieldValidation": "Strict"}
        where = PATHS[child["kind"]].format(namespace)
        status, answer = admin.call("POST", where, body, **strict)
        assert status == 201, answer["message"]


def test_a_claim_gets_a_second_owner_by_server_side_apply(
    admin: Client, server: Any, namespace: str
) -> None:
    """The entry joins the run as owner, and neither spec nor labels are asked for again."""
    operator: Client = server.client("operator")
    run = admin.post(
        PATHS["TrainingRun"].format(namespace),
        {
            "apiVersion": "comal.dev/v1alpha1",
            "kind": "TrainingRun",
            "metadata": {"name": "one"},
            "spec": {"steps": [{"name": "train"}]},
        },
    )
    entry = operator.post(
        PATHS["ConfigMap"].format(namespace),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "comal-cache-1"}},
    )
    first = {
        "apiVersion": "comal.dev/v1alpha1",
        "kind": "TrainingRun",
        "name": "one",
        "uid": run["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    where = PATHS["PersistentVolumeClaim"].format(namespace)
    claim = operator.post(
        where,
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "c", "labels": {"a": "b"}, "ownerReferences": [first]},
            "spec": spec,
        },
    )
    uid = entry["metadata"]["uid"]
    second = {"apiVersion": "v1", "kind": "ConfigMap", "name": "comal-cache-1", "uid": uid}
    meta = {
        "name": "c",
        "namespace": namespace,
        "uid": claim["metadata"]["uid"],
        "ownerReferences": [first, second],
    }
    kept = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta}
    answer = operator.apply(f"{where}/c", kept, manager="comal-operator")
    kinds = [owner["kind"] for owner in answer["metadata"]["ownerReferences"]]
    assert kinds == ["TrainingRun", "ConfigMap"]
    assert answer["metadata"]["labels"] == {"a": "b"}
    assert answer["spec"]["accessModes"] == ["ReadWriteOnce"]
