"""The kubectl plugin against a real API server: names, rights, logs, history."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from apiserver.plugin import Run
from apiserver.server import ApiServer, Client
from apiserver.told_status import DIGEST, NOON, Cluster, rolling
from cluster.gobuild import KUBERNETES, built
from cluster.paths import places
from kubectl_comal.__main__ import main

pytestmark = pytest.mark.apiserver

REPOSITORY = Path(__file__).resolve().parents[2]


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


def test_what_was_said_is_shown_as_it_was_said(comal: Run, cluster: Cluster) -> None:
    cluster.run(steps=[{"name": "train", "state": "Failed", "attempts": 1}])
    cluster.kept_log("1", "", "[/data/x] :key: is not in [columns]")
    assert "[/data/x] :key: is not in [columns]" in comal("history", "alpha")[1]


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
