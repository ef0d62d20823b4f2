"""What `kubectl comal status` shows, of objects in a real API server."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from apiserver.plugin import Run
from apiserver.told_status import CANDIDATE, NOON, STABLE, Cluster, ready, rolling

pytestmark = pytest.mark.apiserver


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


ANSWERS = {"step": "10", "compared": 40, "different": 3, "rounds": 2, "until": NOON}
UNDECIDED = {"verdict": "Undecided", "requests": 7, "errors": 1, "stableRequests": 63}
CHECK = {"name": "queue", "step": "10", "state": "Failed", "at": NOON, "rounds": 1}
HELD = {"by": "alice", "since": NOON, "reason": "Paused"}


def said(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": NOON,
    }


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (
            {"analysis": {**UNDECIDED, "answers": {**ANSWERS, "greatest": "0.25"}}},
            "answers to copies: 3 of 40 differ from stable's, by 0.25 at most",
        ),
        (
            {"analysis": {**UNDECIDED, "answers": {**ANSWERS, "problem": "no Pod answers"}}},
            r"answers to copies: 3 of 40 differ .* by 0 at most; the last time: no Pod answers",
        ),
        (
            {"analysis": {**UNDECIDED, "answers": {**ANSWERS, "compared": 0, "problem": "none"}}},
            "answers to copies: none",
        ),
        (
            {"analysis": {**UNDECIDED, "checks": [{**CHECK, "message": "9 [max 3]"}]}},
            r"check queue Failed \d+. ago: 9 \[max 3\]",
        ),
        ({"analysis": UNDECIDED}, "analysis Undecided: 1 of 7 requests failed, of stable 0 of 63"),
        ({"hold": HELD}, r"held by alice for \d+."),
        ({"hold": {**HELD, "message": "look at it"}}, r"held by alice for \d+.: look at it"),
        ({"smoke": {"passed": False, "message": "404"}}, "smoke test failed: 404"),
        (
            {"stable": STABLE, "candidate": CANDIDATE, "step": "1/2", "shadow": "20"},
            r"step 1/2 +━* +0 %, and copies of 20 %",
        ),
        (
            {"conditions": [said("ScalingActive", "False", "FailedGetResourceMetric", "no CPU")]},
            "ScalingActive False FailedGetResourceMetric: no CPU",
        ),
        (
            {"conditions": [said("UpdateAvailable", "True", "NewerVersion", "v3 is there")]},
            "UpdateAvailable True NewerVersion: v3 is there",
        ),
        (
            {"conditions": [said("ModelResolved", "False", "ModelNotFound", "")]},
            "ModelResolved False ModelNotFound",
        ),
    ],
)
def test_status_tells_what_decides(
    comal: Run, cluster: Cluster, status: dict[str, Any], line: str
) -> None:
    cluster.endpoint(**status)
    _, out, _ = comal("status", "diabetes")
    assert [one for one in out.splitlines() if re.fullmatch(line, one.rstrip())], out


def test_status_is_silent_of_what_is_well(comal: Run, cluster: Cluster) -> None:
    well = [said(kind, "True", "Fine", "") for kind in ("Available", "ScalingActive")]
    well += [said("UpdateAvailable", "False", "UpToDate", "")]
    well += ready("True", "Serving", "diabetes-v1 serves")
    cluster.endpoint(url="http://diabetes.team.svc/score", conditions=well)
    _, out, _ = comal("status", "diabetes")
    assert (
        " ".join(out.split())
        == "diabetes Serving diabetes-v1 serves http://diabetes.team.svc/score"
    )


def test_status_of_what_nobody_has_looked_at(comal: Run, cluster: Cluster) -> None:
    cluster.endpoint(observedGeneration=-1)
    cluster.run(observedGeneration=-1)
    assert comal("status", "diabetes")[1].strip() == "diabetes  not looked at yet"
    assert comal("status", "alpha")[1].strip() == "alpha  not looked at yet"


def test_status_of_a_sweep(comal: Run, cluster: Cluster) -> None:
    states = (("Succeeded", "0.41"), ("Succeeded", "0.38"), ("Running", None))
    trials = [
        {"number": number, "run": f"alpha-{number}", "parameters": {"lr": f"0.{number}"}}
        | {"state": state}
        | ({"value": value} if value else {})
        for number, (state, value) in enumerate(states)
    ]
    cluster.run(sweep={"trials": trials, "best": 1}, metric="mse=0.38")
    _, out, _ = comal("status", "alpha")
    assert (
        "sweep of 3 trials: 2 Succeeded, 1 Running; best is alpha-1 with 0.38: lr=0.1\nmse=0.38\n"
    ) in out


def test_status_of_a_gate_that_rejects(comal: Run, cluster: Cluster) -> None:
    row = {"metric": "mse", "candidate": "9.5", "baseline": "9.1", "rule": "lower by more than 0"}
    baseline = {"version": "diabetes-v4", "value": "9.1", "measure": "SameData"}
    cluster.run(
        metric="mse=9.5",
        gate={
            "decision": "Rejected",
            "baseline": baseline,
            "comparison": [{**row, "passed": False}],
        },
        conditions=[
            *ready("True", "Rejected", "mse is 9.5"),
            said("Notified", "False", "WebhookNotTold", "the webhook chat said 500"),
        ],
    )
    _, out, _ = comal("status", "alpha")
    assert "gate Rejected, beside diabetes-v4\n" in out
    assert re.search(r"mse +9.5 +9.1 +lower by more than 0 +no", out)
    assert "Notified False WebhookNotTold: the webhook chat said 500\n" in out


def test_who_reads_through_a_pipe_gets_whole_lines(
    comal: Run, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "a long sentence that no screen has room for " * 10
    cluster.endpoint("a-name-that-is-" + "x" * 20, conditions=ready("False", "Deploying", words))
    monkeypatch.delenv("COLUMNS")
    _, out, _ = comal("status", "a-name-that-is-" + "x" * 20)
    assert words.strip() in out
