"""The kubectl plugin against a real API server; the operator's answers are given by the test."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from apiserver.server import ApiServer, Client
from cluster.gobuild import KUBERNETES, built
from cluster.paths import places
from kubectl_comal.__main__ import main

pytestmark = pytest.mark.apiserver

REPOSITORY = Path(__file__).resolve().parents[2]
ROOT = "/apis/comal.dev/v1alpha1/namespaces"
DIGEST = "sha256:" + "a" * 64
STABLE = {"revision": "a1b2c3d4", "modelVersion": "diabetes-v1", "digest": DIGEST, "ready": "2/2"}
CANDIDATE = {**STABLE, "revision": "e5f6a7b8", "modelVersion": "diabetes-v2", "ready": "1/1"}
NOON = "2026-11-21T12:00:00Z"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def comal(
    server: ApiServer,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run the plugin; return exit status, output and errors."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, user: str = "admin") -> tuple[int, str, str]:
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(user)))
        # The client reads where the file is when it is imported.
        monkeypatch.setattr(
            "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION",
            str(server.kubeconfig(user)),
        )
        status = main([*arguments, "-n", namespace])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


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

    def kept_log(self, attempt: str, text: str) -> None:
        marks = {
            "comal.dev/training-run": "alpha",
            "comal.dev/step": "train",
            "comal.dev/attempt": attempt,
            "app.kubernetes.io/component": "training-log",
        }
        why = {"comal.dev/reason": "StepFailed", "comal.dev/message": "exit code 3"}
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


@pytest.fixture
def cluster(admin: Client, namespace: str) -> Cluster:
    return Cluster(admin, namespace)


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


def test_status_of_a_rollout(comal: Run, cluster: Cluster) -> None:
    rolling(cluster)
    status, out, _ = comal("status", "diabetes")
    assert status == 0
    assert re.search(r"diabetes +Progressing\n +diabetes-v2 has 10 percent", out)
    assert re.search(r"stable +diabetes-v1 +a1b2c3d4 +2/2 +90 % +90 %", out)
    assert re.search(r"candidate +diabetes-v2 +e5f6a7b8 +1/1 +10 %", out)
    assert re.search(r"step 1/2 .* 10 %", out)


def test_status_of_variants(comal: Run, cluster: Cluster) -> None:
    green = {**CANDIDATE, "revision": "9f9f9f9f", "modelVersion": "tree-v7"}
    following = {**CANDIDATE, "revision": "77aa77aa", "modelVersion": "tree-v8", "ready": "0/2"}
    cluster.endpoint(
        stable=STABLE,
        variants=[
            {"name": "blue", "percent": "0", "serving": CANDIDATE},
            {"name": "green", "percent": "30", "serving": green, "following": following},
            {"name": "new", "percent": "0"},
        ],
        traffic=[
            {"revision": "a1b2c3d4", "percent": "70", "acknowledgedPercent": "99.5"},
            {"revision": "e5f6a7b8", "variant": "blue", "percent": "0"},
            {
                "revision": "9f9f9f9f",
                "variant": "green",
                "percent": "30",
                "acknowledgedPercent": "0.5",
            },
        ],
        conditions=ready("False", "Progressing", "variant green: 0 of 2 Pods"),
    )
    status, out, _ = comal("status", "diabetes")
    assert status == 0
    rows = [line.split() for line in out.splitlines() if "-v" in line]
    assert rows == [
        ["stable", "diabetes-v1", "a1b2c3d4", "2/2", "70", "%", "99.5", "%"],
        ["blue", "diabetes-v2", "e5f6a7b8", "1/1", "0", "%"],
        ["green", "tree-v7", "9f9f9f9f", "1/1", "30", "%", "0.5", "%"],
        ["green", "(next)", "tree-v8", "77aa77aa", "0/2"],
    ]


def test_status_of_a_failed_run(comal: Run, cluster: Cluster) -> None:
    failed = {"name": "train", "state": "Failed", "attempts": 2, "reason": "StepFailed"}
    cluster.run(
        steps=[
            {"name": "prepare", "state": "Succeeded", "attempts": 1, "node": "node-1"},
            {**failed, "logTail": "ValueError: no such column: age"},
        ],
        conditions=ready("False", "StepFailed", "train ended with exit code 1"),
    )
    _, out, _ = comal("status", "trun/alpha")
    assert re.search(r"prepare +Succeeded +1 +\S* *node-1", out)
    assert re.search(r"train +Failed +2 ", out)
    assert "ValueError: no such column: age" in out


def test_status_of_a_namespace(comal: Run, cluster: Cluster) -> None:
    assert comal("status")[1].startswith("nothing serves and nothing trains in namespace t-")
    rolling(cluster)
    cluster.run(activeStep="train", conditions=ready("False", "Running", "train runs"))
    _, out, _ = comal("status")
    assert re.search(r"mdep/diabetes +False +Progressing +diabetes-v1 → diabetes-v2 +10 % 1/2", out)
    assert re.search(r"trun/alpha +False +Running +train", out)
    _, out, _ = comal("status", "-o", "json")
    assert [one["kind"] for one in json.loads(out)] == ["ModelDeployment", "TrainingRun"]


@pytest.mark.parametrize("verb", ["promote", "abort", "approve", "pause", "resume", "rollback"])
def test_what_is_asked_is_about_the_candidate(comal: Run, cluster: Cluster, verb: str) -> None:
    path = rolling(cluster)
    with an_operator(cluster, path) as heard:
        status, out, err = comal(verb, "diabetes")
    assert (status, err) == (0, "")
    assert re.fullmatch(verb + r"@e5f6a7b8#[0-9a-f]{8}", heard[0])
    assert out.startswith("diabetes-v2 (revision e5f6a7b8) ")
    annotations = cluster.admin.get(path)["metadata"]["annotations"]
    assert annotations["comal.dev/requested-by"] == "admin"


def test_asking_twice_is_two_requests(comal: Run, cluster: Cluster) -> None:
    with an_operator(cluster, rolling(cluster)) as heard:
        comal("pause", "diabetes")
        _, out, _ = comal("pause", "diabetes", "-o", "json")
    assert len(set(heard)) == 2
    answer = json.loads(out)
    assert (answer["request"], answer["by"], answer["refused"]) == (heard[1], "admin", None)


def test_the_operator_may_refuse(comal: Run, cluster: Cluster) -> None:
    path = rolling(cluster)
    with an_operator(cluster, path, refused="the candidate is other, not e5f6a7b8"):
        status, out, err = comal("promote", "mdep/diabetes")
    assert (status, out) == (1, "")
    assert re.search(r"refused promote@e5f6a7b8#\w+: the candidate is other, not e5f6a7b8", err)


def test_nobody_answers(comal: Run, cluster: Cluster) -> None:
    rolling(cluster)
    status, _, err = comal("abort", "diabetes", "--timeout", "0.1")
    assert status == 1
    assert "the operator has not answered abort@e5f6a7b8#" in err
    assert "is it running?" in err


def test_a_rollback_and_a_retry_mean_what_serves_and_what_was_rejected(
    comal: Run, cluster: Cluster
) -> None:
    rejected = {"revision": "77aa77aa", "modelVersion": "diabetes-v3", "reason": "ErrorRate"}
    path = cluster.endpoint(stable=STABLE, rejected=[{**rejected, "at": NOON}])
    with an_operator(cluster, path) as heard:
        comal("rollback", "diabetes")
        comal("retry", "diabetes")
    assert [one.partition("#")[0] for one in heard] == ["rollback@a1b2c3d4", "retry@77aa77aa"]


def test_there_is_nothing_to_promote(comal: Run, cluster: Cluster) -> None:
    cluster.endpoint(stable=STABLE)
    status, _, err = comal("promote", "diabetes")
    assert status == 1
    assert err == (
        "error: diabetes has no rollout under way, so there is nothing to promote:"
        " diabetes-v1 (revision a1b2c3d4) serves\n"
    )
    assert "was rejected: there is nothing to retry" in comal("retry", "diabetes")[2]


def test_a_run_is_suspended_goes_on_and_is_cancelled(comal: Run, cluster: Cluster) -> None:
    path = cluster.run()
    assert comal("suspend", "alpha")[1].startswith("TrainingRun alpha is suspended")
    assert cluster.admin.get(path)["spec"]["suspend"] is True
    assert comal("resume", "alpha")[1] == "TrainingRun alpha goes on\n"
    assert cluster.admin.get(path)["spec"]["suspend"] is False
    assert comal("cancel", "alpha")[0] == 0
    assert cluster.admin.get(path)["spec"]["cancel"] is True


def test_the_nearest_names(comal: Run, cluster: Cluster) -> None:
    rolling(cluster)
    cluster.run("diabetes-alpha")
    status, _, err = comal("status", "diabtes")
    assert status == 1
    assert "there is no ModelDeployment or TrainingRun diabtes in namespace t-" in err
    assert "did you mean diabetes or diabetes-alpha?" in err
    assert "this is done with a TrainingRun" in comal("cancel", "mdep/diabetes")[2]
    assert "pod is no kind that is known here" in comal("status", "pod/x")[2]


def test_two_things_of_one_name(comal: Run, cluster: Cluster) -> None:
    rolling(cluster)
    cluster.run("diabetes")
    err = comal("status", "diabetes")[2]
    assert "diabetes is two things, mdep/diabetes and trun/diabetes: say which" in err
    assert comal("status", "trun/diabetes")[0] == 0


def test_no_rights(comal: Run, cluster: Cluster) -> None:
    rolling(cluster)
    status, _, err = comal("status", user="alice")
    assert status == 1
    assert "you may not list modeldeployments" in err
    assert "Ask for the role `edit` in the namespace" in err


def test_no_cluster(
    comal: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    assert "has no usable context nowhere" in comal("status", "--context", "nowhere")[2]
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none")
    )
    assert main(["status"]) == 1
    assert "error: no cluster: " in capsys.readouterr().err


def test_kept_logs_outlive_pods(comal: Run, cluster: Cluster) -> None:
    cluster.run(steps=[{"name": "train", "state": "Failed", "attempts": 2}])
    cluster.kept_log("1", "\n".join(f"line {number}" for number in range(40)))
    time.sleep(1.1)
    cluster.kept_log("2", "ValueError: no such column")
    assert comal("logs", "alpha")[1] == "ValueError: no such column\n"
    _, out, _ = comal("logs", "alpha", "train", "--attempt", "1", "--tail", "2")
    assert out == "line 38\nline 39\n"
    assert "and of train there are: 1, 2" in comal("logs", "alpha", "train", "--attempt", "7")[2]
    _, out, _ = comal("history", "alpha", "-o", "json")
    assert [(one["step"], one["attempt"], one["reason"]) for one in json.loads(out)] == [
        ("train", "2", "StepFailed"),
        ("train", "1", "StepFailed"),
    ]


def test_kept_series_outlive_the_workspace(comal: Run, cluster: Cluster, admin: Client) -> None:
    path = cluster.run()
    assert "no series of metrics is kept of alpha" in comal("metrics", "alpha")[2]

    first = {"from": "train", "time": NOON, "step": 8, "epoch": "1/2", "metrics": {"loss": 0.9}}
    last = {"from": "train", "time": NOON, "metrics": {"loss": 0.4, "auc": 0.7}}
    cluster.kept_series(admin.get(path), first, last)
    assert json.loads(comal("metrics", "alpha", "-o", "json")[1]) == [first, last]
    _, out, _ = comal("metrics", "trun/alpha")
    assert [line.split() for line in out.splitlines()] == [
        ["FROM", "TIME", "STEP", "EPOCH", "loss", "auc"],
        ["train", NOON, "8", "1/2", "0.9"],
        ["train", NOON, "0.4", "0.7"],
    ]


def test_history_of_an_endpoint(comal: Run, cluster: Cluster, admin: Client) -> None:
    rolling(cluster)
    for number, revision in ((1, "a1b2c3d4"), (2, "e5f6a7b8")):
        marks = {"comal.dev/model-deployment": "diabetes", "comal.dev/revision": revision}
        body = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {"name": f"diabetes-{revision}", "labels": marks},
            "revision": number,
            "data": {"modelVersion": f"diabetes-v{number}", "digest": DIGEST, "template": {}},
        }
        admin.post(f"/apis/apps/v1/namespaces/{cluster.namespace}/controllerrevisions", body)
    _, out, _ = comal("history", "diabetes")
    lines = out.splitlines()
    assert re.search(r"2 +e5f6a7b8 +diabetes-v2 +candidate", lines[1])
    assert re.search(r"1 +a1b2c3d4 +diabetes-v1 +stable", lines[2])


def test_invoke_says_what_is_missing(comal: Run, cluster: Cluster, tmp_path: Path) -> None:
    rolling(cluster)
    row = tmp_path / "row.json"
    assert f"cannot read {row}" in comal("invoke", "diabetes", "-f", str(row))[2]
    row.write_text("{}")
    asked = ("invoke", "diabetes", "-f", str(row))
    assert "no router of diabetes is ready (0 are there)" in comal(*asked)[2]
    assert "diabetes has no previous now" in comal(*asked, "--revision", "previous")[2]
    assert "must be NAME:VALUE" in comal(*asked, "-H", "x")[2]


def test_invoke_says_that_there_is_no_key(
    comal: Run, cluster: Cluster, admin: Client, tmp_path: Path
) -> None:
    cluster.endpoint(keysSecret="mine")
    cluster.router()
    row = tmp_path / "row.json"
    row.write_text("{}")
    asked = ("invoke", "diabetes", "-f", str(row))
    said = comal(*asked)[2]
    assert "cannot read Secret mine, where the keys of diabetes are" in said
    assert "-H authorization:" in said
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"}}
    admin.post(f"/api/v1/namespaces/{cluster.namespace}/secrets", secret)
    assert "Secret mine has no key `primary`" in comal(*asked)[2]


def test_kubectl_finds_it(server: ApiServer, cluster: Cluster) -> None:
    rolling(cluster)
    kubectl = built(places(), KUBERNETES) / "kubectl"
    path = f"{REPOSITORY / '.venv' / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(server.kubeconfig("admin"))}

    def call(*arguments: str) -> str:
        return subprocess.run(
            [kubectl, *arguments], env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert "kubectl-comal" in call("plugin", "list", "--name-only")
    assert "Progressing" in call("comal", "status", "diabetes", "-n", cluster.namespace)
