"""The gate on a real cluster: the baseline measured again on this run's data, and two at once."""

from __future__ import annotations

import pytest

from cluster_words import a_deployment, a_run, a_step, condition, wait_condition
from demo.kubectl import Kubectl, Manifest
from table_model import MODEL

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

GATE = {"metric": "mse", "goal": "Minimize"}


def diabetes(name: str, alpha: str, **gate: object) -> Manifest:
    """Return a run of the sample's two steps."""
    return a_run(
        name,
        a_step("train", role="Train", args=["diabetes", "train"]),
        a_step("evaluate", role="Evaluate", args=["diabetes", "evaluate"]),
        parameters={"alpha": alpha},
        gate={**GATE, **gate},
        register={"model": "diabetes", "aliases": ["candidate"]},
    )


def table(name: str, rows: int, **gate: object) -> Manifest:
    """Return a run of one short step, whose metric is as large as it says; less is better."""
    return a_run(
        name,
        a_step("train", command=["python", "-c", MODEL]),
        parameters={"rows": str(rows)},
        gate={"metric": "rows", "goal": "Minimize", **gate},
        register={"model": "table"},
    )


def over(kubectl: Kubectl, name: str) -> Manifest:
    return wait_condition(kubectl, "trun", name, ("Complete", "True"), seconds=300)


def test_guards_and_onreject(kubectl: Kubectl) -> None:
    guard = {"metric": "rows", "max": "2"}
    kubectl.apply(
        table("guarded", 3, guards=[guard], onReject="Fail"),
        table("given-up", 3, threshold="1", onReject="Cancel"),
    )
    run = wait_condition(kubectl, "trun", "guarded", ("Failed", "True"), seconds=300)
    assert condition(run, "GatePassed")["reason"] == "GuardMissed"
    assert condition(run, "Failed")["reason"] == "Rejected"
    run = wait_condition(kubectl, "trun", "given-up", ("Failed", "True"), seconds=300)
    assert condition(run, "Failed")["reason"] == "Cancelled"
    assert condition(run, "Ready")["status"] == "True"
    assert kubectl.items("mver") == []


def test_the_deployed_version_is_what_is_to_be_beaten(kubectl: Kubectl) -> None:
    kubectl.apply(table("good", 1))
    over(kubectl, "good")
    kubectl.apply(a_deployment("table", model={"name": "table", "version": "1"}))
    kubectl.apply(table("worse", 3, baseline={"select": "None"}))
    wait_condition(kubectl, "mdep", "table", ("Ready", "True"), seconds=240)
    over(kubectl, "worse")

    # Newer than the deployed one, and worse than it: better than the newest is not enough.
    kubectl.apply(table("middle", 2, baseline={"select": "Deployed"}))
    run = over(kubectl, "middle")
    assert condition(run, "Ready")["reason"] == "Rejected"
    assert "table-v1" in condition(run, "GatePassed")["message"]


def test_two_runs_that_end_together_cannot_both_beat_the_same_version(kubectl: Kubectl) -> None:
    """Each measures the version that it has to beat again, on the data of its own run."""
    kubectl.apply(diabetes("first", "0.5"))
    over(kubectl, "first")
    names = ("left", "right")
    baseline = {"measure": "SameData"}
    for name in names:
        kubectl.apply(diabetes(name, "0.4", baseline=baseline, threshold="5000"))
    runs = [over(kubectl, name) for name in names]
    versions = [one["metadata"]["name"] for one in kubectl.items("mver")]
    assert versions == ["diabetes-v1", "diabetes-v2"]

    runs.sort(key=lambda run: str(condition(run, "Ready")["reason"]))
    better, rejected = runs
    assert [condition(run, "Ready")["reason"] for run in runs] == ["Registered", "Rejected"]
    gate = better["status"]["gate"]
    assert gate["decision"] == "Passed"
    assert gate["baseline"]["version"] == "diabetes-v1"
    assert gate["baseline"]["measure"] == "SameData", condition(better, "GatePassed")["message"]
    assert abs(float(gate["baseline"]["value"]) - 3298.8856) < 1
    assert [row["rule"] for row in gate["comparison"]] == ["at most 5000", "lower by more than 0"]
    assert "diabetes-v2" in condition(rejected, "GatePassed")["message"]
