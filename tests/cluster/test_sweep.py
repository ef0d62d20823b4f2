"""A sweep on a real cluster: seed row D17, suggestions by Optuna, a kill in the middle."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cluster_words import a_run, a_step, condition, wait_condition
from demo.kubectl import Kubectl, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

SAMPLE = Path(__file__).resolve().parents[2] / "manifests/samples/diabetes/sweep.yaml"
# A step that measures a parabola with its lowest point at x = 0.4.
PARABOLA = (
    "python3 -c \"import os,json;x=float(os.environ['COMAL_PARAM_X']);"
    "json.dump({'loss':(x-0.4)**2},open(os.environ['COMAL_METRICS_FILE'],'w'))\""
)


def test_the_best_of_three_alphas_is_registered(kubectl: Kubectl, cluster: Kubectl) -> None:
    kubectl.apply(yaml.safe_load(SAMPLE.read_text()))
    name = "diabetes-sweep"

    def begun() -> bool | None:
        found = kubectl.find("trun", name) or {}
        trials = found.get("status", {}).get("sweep", {}).get("trials", [])
        return True if any(trial["state"] == "Running" for trial in trials) else None

    wait_for("a trial to run", begun, seconds=120)
    # The sweep's state is not the operator's.
    pods = ("delete", "pod", "-l", "app.kubernetes.io/component=operator", "--wait=false")
    cluster.run("--namespace", "comal-system", *pods)

    run = wait_condition(kubectl, "trun", name, ("Complete", "True"), seconds=600)
    sweep = run["status"]["sweep"]
    assert len(sweep["trials"]) == 3
    best = sweep["trials"][sweep["best"]]
    assert best["parameters"] == {"alpha": "0.4"}
    assert round(float(best["value"]), 2) == 3295.71
    assert run["status"]["metric"] == "mse=3295.71"
    [version] = kubectl.items("mver")
    assert version["spec"]["parameters"]["alpha"] == "0.4"
    assert version["spec"]["lineage"]["run"]["name"] == name
    trials = [one for one in kubectl.items("trun") if one["metadata"]["name"] != name]
    assert len(trials) == 3

    kubectl.run("delete", "trun", name, "--wait=true")
    wait_for("the trials to go with it", lambda: not kubectl.items("trun") or None, seconds=60)
    assert len(kubectl.items("mver")) == 1


def test_optuna_suggests_and_failed_trials_are_skipped(kubectl: Kubectl) -> None:
    space = {"x": {"uniform": {"min": "0", "max": "1"}}}
    sweep = {
        "parameters": space,
        "sampler": "TPE",
        "seed": 1,
        "maxTrials": 4,
        "parallelism": 2,
        "objective": {"metric": "loss", "goal": "Minimize"},
    }
    # One trial in about four fails.
    step = a_step("measure", f'case "$COMAL_PARAM_X" in *[37]) exit 64;; esac; {PARABOLA}')
    kubectl.apply(a_run("parabola", step, sweep=sweep))
    run = wait_condition(kubectl, "trun", "parabola", ("Complete", "True"), seconds=400)
    trials = run["status"]["sweep"]["trials"]
    assert len(trials) == 4
    assert {trial["state"] for trial in trials} <= {"Succeeded", "Failed"}
    values = [float(trial["value"]) for trial in trials if trial["state"] == "Succeeded"]
    assert float(trials[run["status"]["sweep"]["best"]]["value"]) == min(values)


def test_cancelling_a_sweep_cancels_its_trials(kubectl: Kubectl) -> None:
    sweep = {
        "parameters": {"x": {"choice": ["1", "2"]}},
        "sampler": "Grid",
        "maxTrials": 2,
        "parallelism": 2,
        "objective": {"metric": "loss", "goal": "Minimize"},
    }
    kubectl.apply(a_run("long", a_step("sleep", "sleep 600"), sweep=sweep))
    wait_for("two trials", lambda: len(kubectl.items("trun")) == 3 or None, seconds=60)
    kubectl.run("patch", "trun", "long", "--type=merge", "-p", '{"spec":{"cancel":true}}')
    run = wait_condition(kubectl, "trun", "long", ("Failed", "True"), seconds=120)
    assert condition(run, "Failed")["reason"] == "Cancelled"
    for one in kubectl.items("trun"):
        assert condition(one, "Failed")["reason"] == "Cancelled"
