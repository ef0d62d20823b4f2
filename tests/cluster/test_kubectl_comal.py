"""A rollout and a training, looked after from a terminal with `kubectl comal`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cluster_words import a_deployment, a_run, a_step, wait_condition
from demo.kubectl import Kubectl
from table_model import GOOD

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

VENV = Path(__file__).resolve().parents[2] / ".venv" / "bin"
ROLLOUT = {
    "steps": [{"percent": "10", "approval": "Required"}, {"percent": "50", "for": "10m"}],
    "bake": "10m",
    "drain": "2s",
}


def comal(kubectl: Kubectl, *arguments: str, stdin: str = "") -> str:
    """Return what `kubectl comal …` printed; raise with its error."""
    done = subprocess.run(
        [kubectl.program, "comal", *arguments, "-n", kubectl.namespace],
        env={
            **os.environ,
            "PATH": f"{VENV}:{os.environ['PATH']}",
            "KUBECONFIG": str(kubectl.kubeconfig),
            "COLUMNS": "160",
        },
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def answer(kubectl: Kubectl, *arguments: str) -> Any:
    asked = ("invoke", "by-hand", "-f", "-", "-o", "json")
    return json.loads(comal(kubectl, *asked, *arguments, stdin=GOOD))


def serve(kubectl: Kubectl, version: str) -> None:
    model = {"name": "table", "version": version}
    kubectl.apply(a_deployment("by-hand", model=model, access={}, rollout=ROLLOUT))


def test_a_rollout_by_hand(served: Kubectl) -> None:
    kubectl = served
    serve(kubectl, "1")
    wait_condition(kubectl, "mdep", "by-hand", ("Ready", "True"), seconds=240)
    assert "trained a table of 2 rows" in comal(kubectl, "logs", "first", "train")
    assert answer(kubectl)["version"] == "1", "with the key that the plugin finds"

    serve(kubectl, "2")
    wait_condition(
        kubectl, "mdep", "by-hand", ("Ready", "False"), reason="AwaitingApproval", seconds=240
    )
    seen = comal(kubectl, "status", "by-hand")
    assert "AwaitingApproval" in seen
    assert "candidate" in seen
    found = answer(kubectl, "--revision", "candidate")
    assert (found["status"], found["version"]) == (200, "2"), "whatever its share is"

    assert "table-v2" in comal(kubectl, "approve", "by-hand")
    assert "paused" in comal(kubectl, "pause", "by-hand")
    wait_condition(kubectl, "mdep", "by-hand", ("Ready", "False"), reason="Paused", seconds=60)
    assert "resumed" in comal(kubectl, "resume", "by-hand")
    assert "promoted" in comal(kubectl, "promote", "by-hand")
    wait_condition(kubectl, "mdep", "by-hand", ("Ready", "False"), reason="Baking", seconds=60)
    assert {answer(kubectl)["version"] for _ in range(3)} == {"2"}

    assert "rolled back" in comal(kubectl, "rollback", "by-hand")
    wait_condition(kubectl, "mdep", "by-hand", ("Stalled", "True"), reason="RolledBack", seconds=60)
    assert {answer(kubectl)["version"] for _ in range(3)} == {"1"}
    rows = json.loads(comal(kubectl, "history", "by-hand", "-o", "json"))
    assert [(one["model"], one["role"]) for one in rows] == [
        ("table-v2", "rejected"),
        ("table-v1", "stable"),
    ]

    assert "retried" in comal(kubectl, "retry", "by-hand")
    wait_condition(
        kubectl, "mdep", "by-hand", ("Ready", "False"), reason="AwaitingApproval", seconds=120
    )
    assert "aborted" in comal(kubectl, "abort", "by-hand")
    assert '"status":200' in comal(kubectl, "logs", "by-hand", "stable", "--tail", "100")


def test_a_training_by_hand(kubectl: Kubectl) -> None:
    kubectl.apply(a_run("long", a_step("wait", "echo began; sleep 600")))
    wait_condition(kubectl, "trun", "long", ("Ready", "False"), reason="Running", seconds=60)
    assert "suspended" in comal(kubectl, "suspend", "long")
    wait_condition(kubectl, "trun", "long", ("Suspended", "True"), seconds=90)
    assert "goes on" in comal(kubectl, "resume", "long")
    assert "cancelled" in comal(kubectl, "cancel", "long")
    wait_condition(kubectl, "trun", "long", ("Failed", "True"), reason="Cancelled", seconds=90)
    assert "Cancelled" in comal(kubectl, "status")
