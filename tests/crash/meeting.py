"""Stories of runs that meet: at a cached step, at a version, as trials of one sweep."""

from __future__ import annotations

from typing import Any

from crash.recorder import Recorder
from crash.scenario import Scenario, Stage
from crash.standin.jobs import Script
from crash.training import ended, starts

# What goes by a tag has no content to go by, and is never cached.
_PINNED = f"localhost/team/prepare@sha256:{'a' * 64}"


def _cached() -> dict[str, Any]:
    prepare = {"name": "prepare", "image": _PINNED, "outputs": ["data/"], "cache": {}}
    train = {"name": "train", "role": "Train", "args": ["diabetes", "train"]}
    return {"steps": [prepare, train], "gate": None, "register": None}


def _states(stage: Stage) -> dict[str, str]:
    """Return the state of the cached step, by run."""
    return {
        body["metadata"]["name"]: step["state"]
        for body in stage.all("TrainingRun")
        for step in body["status"]["steps"]
        if step["name"] == "prepare"
    }


def _one_prepared(stage: Stage, recorder: Recorder) -> str:
    """Judge two runs with one key: one of them did the work, and each did its own once."""
    states = _states(stage)
    if sorted(states.values()) != ["Cached", "Succeeded"]:
        return f"the cached step is {states}"
    jobs = recorder.jobs()
    prepared = {run for run in states if jobs.get(f"{run}/prepare")}
    if prepared != {run for run, state in states.items() if state == "Succeeded"}:
        return f"the cached step ran in {sorted(prepared)}"
    many = {job: count for job, count in jobs.items() if count > 1}
    return f"Jobs made twice: {many}" if many else ""


def _one_of_two(stage: Stage, recorder: Recorder) -> str:
    """Judge two equally good runs after a worse one: the second must beat the first of them."""
    names = [body["metadata"]["name"] for body in stage.all("ModelVersion")]
    if names != ["diabetes-v1", "diabetes-v2"] or sum(recorder.registrations.values()) != 2:
        return f"versions {names}, registered {dict(recorder.registrations)}"
    runs = {body["metadata"]["name"]: body["status"] for body in stage.all("TrainingRun")}
    gates = {name: status["gate"] for name, status in runs.items() if name != "a"}
    [loser] = [name for name in gates if not runs[name].get("modelVersion")] or ["nobody"]
    found = gates.get(loser, {})
    if found.get("decision") != "Rejected" or found.get("measured") != "diabetes-v2":
        return f"{loser} lost, and its gate says {found}"
    return ""


def _best_of_three(stage: Stage) -> bool:
    return ended("a")(stage) and len(stage.all("TrainingRun")) == 4


_SAME_DATA = {"metric": "mse", "goal": "Minimize", "baseline": {"measure": "SameData"}}
_SWEEP = {
    "parameters": {"alpha": {"choice": ["0.1", "0.4", "0.9"]}},
    "sampler": "Grid",
    "maxTrials": 3,
    "parallelism": 2,
    "objective": {"metric": "mse", "goal": "Minimize"},
}
_TRAIN_ONLY = [{"name": "train", "role": "Train", "args": ["diabetes", "train"]}]

MEETING = (
    Scenario(
        name="cache hit",
        moves=(starts("a", **_cached()), starts("b", ended("a"), **_cached())),
        goal=ended("a", "b"),
    ),
    Scenario(
        name="one key, two runs",
        moves=(starts("a", **_cached()), starts("b", **_cached())),
        goal=ended("a", "b"),
        judge=_one_prepared,
    ),
    Scenario(
        name="two gates, same data",
        moves=(
            starts("a"),
            starts("b", ended("a"), gate=_SAME_DATA),
            starts("c", ended("a"), gate=_SAME_DATA),
        ),
        goal=ended("a", "b", "c"),
        script=Script(
            metrics={"a": "100", "b": "90", "c": "90"},
            baselines={"diabetes-v1": "100", "diabetes-v2": "90"},
        ),
        judge=_one_of_two,
    ),
    Scenario(
        name="sweep of three",
        moves=(starts("a", parameters={"alpha": "0.5"}, steps=_TRAIN_ONLY, sweep=_SWEEP),),
        goal=_best_of_three,
        script=Script(metrics={"a": "80", "a-t0": "100", "a-t1": "80", "a-t2": "90"}),
    ),
)
