"""Objects of ours in a real API server, with the status that an operator would have written."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apiserver.server import Client

ROOT = "/apis/comal.dev/v1alpha1/namespaces"
DIGEST = "sha256:" + "a" * 64
STABLE = {"revision": "a1b2c3d4", "modelVersion": "diabetes-v1", "digest": DIGEST, "ready": "2/2"}
CANDIDATE = {**STABLE, "revision": "e5f6a7b8", "modelVersion": "diabetes-v2", "ready": "1/1"}
NOON = "2026-11-21T12:00:00Z"


def ready(status: str, reason: str, message: str) -> list[dict[str, Any]]:
    said = {"status": status, "reason": reason, "message": message, "lastTransitionTime": NOON}
    return [{"type": "Ready", **said}]


class Cluster:
    """Objects in the test's namespace."""

    def __init__(self, admin: Client, namespace: str) -> None:
        self.admin, self.root, self.namespace = admin, f"{ROOT}/{namespace}", namespace

    def endpoint(self, name: str = "diabetes", **status: Any) -> str:
        body = {
            "apiVersion": "comal.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": name},
            "spec": {"model": {"name": "diabetes", "latest": True}},
        }
        self.admin.post(f"{self.root}/modeldeployments", body)
        path = f"{self.root}/modeldeployments/{name}"
        self.admin.merge(f"{path}/status", {"status": {"observedGeneration": 1, **status}})
        return path

    def run(self, name: str = "alpha", **status: Any) -> str:
        body = {
            "apiVersion": "comal.dev/v1alpha1",
            "kind": "TrainingRun",
            "metadata": {"name": name},
            "spec": {"steps": [{"name": "prepare"}, {"name": "train"}]},
        }
        self.admin.post(f"{self.root}/trainingruns", body)
        path = f"{self.root}/trainingruns/{name}"
        self.admin.merge(f"{path}/status", {"status": {"observedGeneration": 1, **status}})
        return path

    def router(self) -> None:
        marks = {"comal.dev/model-deployment": "diabetes", "app.kubernetes.io/component": "router"}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "diabetes-router", "labels": marks},
            "spec": {"containers": [{"name": "envoy", "image": "envoy"}]},
        }
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        self.admin.post(path, pod)
        status = {"conditions": [{"type": "Ready", "status": "True"}]}
        self.admin.merge(f"{path}/diabetes-router/status", {"status": status})

    def kept_log(self, attempt: str, text: str, message: str = "exit code 3") -> None:
        marks = {
            "comal.dev/training-run": "alpha",
            "comal.dev/step": "train",
            "comal.dev/attempt": attempt,
            "app.kubernetes.io/component": "training-log",
        }
        why = {"comal.dev/reason": "StepFailed", "comal.dev/message": message}
        meta = {"name": f"alpha-train-{attempt}-log", "labels": marks, "annotations": why}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"log": text}}
        self.admin.post(f"/api/v1/namespaces/{self.namespace}/configmaps", body)

    def kept_series(self, run: Any, *lines: dict[str, Any]) -> None:
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        labels = {
            "comal.dev/training-run": "alpha",
            "app.kubernetes.io/component": "training-series",
        }
        owner = {
            "apiVersion": run["apiVersion"],
            "kind": run["kind"],
            "name": "alpha",
            "uid": run["metadata"]["uid"],
        }
        meta = {"name": "alpha-metrics", "labels": labels, "ownerReferences": [owner]}
        packed = base64.b64encode(gzip.compress(text.encode())).decode()
        data = {"binaryData": {"metrics.jsonl.gz": packed}}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, **data}
        self.admin.post(f"/api/v1/namespaces/{self.namespace}/configmaps", body)


def rolling(cluster: Cluster) -> str:
    return cluster.endpoint(
        stable=STABLE,
        candidate=CANDIDATE,
        weight="10",
        step="1/2",
        url="http://diabetes.team.svc/score",
        traffic=[
            {"revision": "a1b2c3d4", "percent": "90", "acknowledgedPercent": "90"},
            {"revision": "e5f6a7b8", "percent": "10"},
        ],
        conditions=ready("False", "Progressing", "diabetes-v2 has 10 percent"),
    )


@contextmanager
def an_operator(cluster: Cluster, path: str, refused: str | None = None) -> Iterator[list[str]]:
    """Answer every request in the annotation once, as the operator does."""
    heard: list[str] = []
    over = threading.Event()

    def answer() -> None:
        while not over.wait(0.05):
            meta = cluster.admin.get(path)["metadata"]
            marks = meta.get("annotations") or {}
            request = marks.get("comal.dev/request")
            if request is None or request in heard:
                continue
            heard.append(request)
            handled = {"request": request, "at": NOON, "by": marks.get("comal.dev/requested-by")}
            handled |= {"refused": refused} if refused else {}
            status = {"lastHandledRequest": request, "requests": [handled]}
            cluster.admin.merge(f"{path}/status", {"status": status})

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield heard
    finally:
        over.set()
        thread.join()
