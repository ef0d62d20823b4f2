"""Objects as tests say them: `a_run()`, `a_job("Complete")`; defaults that read as sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from comal_operator.core.children import owner_reference
from comal_operator.core.plan import Manifest, Settings

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
NOON_TEXT = "2026-11-21T12:00:00Z"
API = "comal.dev/v1alpha1"
DIGEST = "sha256:" + "a" * 64
SETTINGS = Settings(
    operator_namespace="comal-system",
    trainer_image="localhost/comal/trainer:1",
    scorer_image="localhost/comal/scorer:1",
    router_image="localhost/comal/router:1",
    registry_image="localhost/comal/registry:1",
)
GATE = {"metric": "mse", "goal": "Minimize", "minDelta": "0"}


def an_object(kind: str, name: str, *, api: str = API, **more: Any) -> dict[str, Any]:
    """Return an object as the API server gives it back."""
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "team",
            "uid": f"uid-of-{name}",
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": NOON_TEXT,
        },
        **more,
    }


def a_run(*steps: str, name: str = "diabetes", **spec: Any) -> dict[str, Any]:
    """Return a TrainingRun with these steps, `train` alone if none are named."""
    listed = [{"name": step} for step in steps or ("train",)]
    return an_object("TrainingRun", name, spec={"steps": listed, **spec})


def a_gated_run(name: str = "diabetes", **register: Any) -> dict[str, Any]:
    """Return a run of one step that registers `diabetes` if its mse is lower than before."""
    return a_run("train", name=name, gate=GATE, register={"model": "diabetes", **register})


def owned(child: Manifest, owner: Manifest) -> dict[str, Any]:
    """Return `child` as the API server gives it back, controlled by `owner`."""
    meta = {
        "uid": f"uid-of-{child['metadata']['name']}",
        "resourceVersion": "1",
        "creationTimestamp": NOON_TEXT,
        "ownerReferences": [owner_reference(owner)],
    }
    return {**child, "metadata": {**child["metadata"], **meta}}


def ended_job(
    job: Manifest,
    end: str = "Complete",
    message: str = "",
    *,
    reason: str = "",
    at: str = NOON_TEXT,
) -> dict[str, Any]:
    """Return `job` as it looks once it is Complete or Failed."""
    found = {"type": end, "status": "True", "lastTransitionTime": at, "message": message}
    found |= {"reason": reason} if reason else {}
    status = {"startTime": NOON_TEXT, "completionTime": NOON_TEXT, "conditions": [found]}
    return {**job, "status": status}


def a_pod(job: Manifest, **status: Any) -> dict[str, Any]:
    """Return the Pod of `job`, with this status."""
    pod = an_object("Pod", f"{job['metadata']['name']}-pod", api="v1", status=status)
    pod["metadata"]["labels"] = dict(job["metadata"]["labels"])
    return owned(pod, job)


def an_ended_pod(job: Manifest, *, code: int = 0, said: Any = "", reason: str = "") -> Manifest:
    """Return the Pod of `job` after its container ended with this termination message."""
    text = said if isinstance(said, str) else json.dumps(said)
    state = {"exitCode": code, "message": text, "reason": reason}
    phase = "Failed" if code else "Succeeded"
    return a_pod(
        job,
        phase=phase,
        containerStatuses=[{"name": "step", "state": {"terminated": state}}],
    )


def a_running_pod(job: Manifest, *, node: str = "node-1", since: str = NOON_TEXT) -> dict[str, Any]:
    """Return the Pod of `job` whose container runs on `node`."""
    image = "localhost/comal/trainer@sha256:" + "b" * 64
    container = {
        "name": "step",
        "imageID": image,
        "state": {"running": {"startedAt": since}},
    }
    return {
        **a_pod(job, phase="Running", containerStatuses=[container]),
        "spec": {"nodeName": node},
    }


def a_node(
    name: str = "node-1", *, ready: str = "True", spot: bool = False, since: str = NOON_TEXT
) -> dict[str, Any]:
    """Return a node as the operator keeps it."""
    said = {"type": "Ready", "status": ready, "lastTransitionTime": since}
    node = an_object("Node", name, api="v1", status={"conditions": [said]})
    del node["metadata"]["namespace"]
    labels = {"kubernetes.azure.com/scalesetpriority": "spot"} if spot else {}
    return {**node, "metadata": {**node["metadata"], "labels": labels}}


def a_waiting_pod(job: Manifest, reason: str, message: str = "") -> Manifest:
    """Return the Pod of `job` whose container does not start."""
    state = {"waiting": {"reason": reason, "message": message}}
    return a_pod(job, phase="Pending", containerStatuses=[{"name": "step", "state": state}])


def an_unplaced_pod(job: Manifest, message: str) -> Manifest:
    """Return the Pod of `job` that no node takes."""
    said = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    return a_pod(job, phase="Pending", conditions=[{**said, "message": message}])


def a_registry(name: str = "default", *, ready: bool = True, **last: int) -> dict[str, Any]:
    """Return a ModelRegistry that remembers these numbers by model."""
    said = {"type": "Ready", "status": str(ready), "message": "because"}
    return an_object(
        "ModelRegistry",
        name,
        spec={"store": {"embedded": {"size": "10Gi"}}},
        status={"conditions": [said], "lastVersions": last},
    )


def a_version(
    number: int, *, mse: str | None = None, run: str = "an-old-run", **spec: Any
) -> dict[str, Any]:
    """Return a registered version of `diabetes`."""
    metrics = {} if mse is None else {"mse": mse}
    said: dict[str, Any] = {
        "model": "diabetes",
        "version": str(number),
        "digest": DIGEST,
        "format": "onnx",
        "contract": "data-matrix",
        "registry": "default",
        "location": "http://comal-registry-default:5001/models/diabetes",
        "metrics": metrics,
        "lineage": {"run": {"name": run, "uid": f"uid-of-{run}"}},
    }
    return an_object("ModelVersion", f"diabetes-v{number}", spec={**said, **spec})


def conditions(status: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return (status, reason) of every condition by type."""
    return {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}
