"""The operator may die at any moment: nothing is trained twice, nothing is registered twice."""

from __future__ import annotations

import pytest

from cluster_words import a_run, a_step, wait_condition
from demo.kubectl import Kubectl, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]


def test_a_killed_operator_trains_once(cluster: Kubectl, kubectl: Kubectl) -> None:
    steps = [
        a_step("train", args=["diabetes", "train"]),
        a_step("wait", "sleep 6"),
        a_step("evaluate", args=["diabetes", "evaluate"]),
    ]
    kubectl.apply(a_run("killed", *steps, register={"model": "killed"}))
    operator = cluster.within("comal-system")
    for step in ("train", "wait", "evaluate"):

        def started(step: str = step) -> bool | None:
            jobs = kubectl.items("jobs", "-l", f"comal.dev/step={step}")
            return True if jobs else None

        wait_for(f"a Job of step {step}", started, seconds=120)
        # No grace: as a node that dies would do it.
        operator.run(
            *("delete", "pods", "-l", "app.kubernetes.io/component=operator"),
            *("--force", "--grace-period=0", "--wait=false"),
        )

    wait_condition(kubectl, "trun", "killed", ("Complete", "True"), seconds=300)
    jobs = kubectl.items("jobs", "-l", "comal.dev/training-run=killed")
    by_step = sorted(job["metadata"]["labels"]["comal.dev/step"] for job in jobs)
    assert by_step == sorted(set(by_step)), "one Job a step"
    assert [v["metadata"]["name"] for v in kubectl.items("mver")] == ["killed-v1"]


def test_two_runs_at_once_give_two_numbers_or_one_rejection(kubectl: Kubectl) -> None:
    gate = {"metric": "mse", "goal": "Minimize"}
    for name in ("left", "right"):
        kubectl.apply(
            a_run(
                name,
                a_step("train", args=["diabetes", "train"]),
                a_step("evaluate", args=["diabetes", "evaluate"]),
                parameters={"alpha": "0.5"},
                gate=gate,
                register={"model": "twins"},
            )
        )
    ends = [
        wait_condition(kubectl, "trun", name, ("Complete", "True"), seconds=300)
        for name in ("left", "right")
    ]

    # Equal is not better: whoever comes second has lost to the first, however close they were.
    passed = [
        item["status"]
        for run in ends
        for item in run["status"]["conditions"]
        if item["type"] == "GatePassed"
    ]
    assert sorted(passed) == ["False", "True"]
    assert [v["metadata"]["name"] for v in kubectl.items("mver")] == ["twins-v1"]
