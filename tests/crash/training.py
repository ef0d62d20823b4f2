"""Stories of TrainingRuns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from comal_operator.core.names import LABEL_STEP
from crash.recorder import Recorder
from crash.scenario import Move, Scenario, Stage
from crash.standin.jobs import Ending, Script

_STAYS = Ending(stays=True)


_TRAIN = {"name": "train", "role": "Train", "args": ["diabetes", "train"]}


def run_spec(**more: Any) -> dict[str, Any]:
    """Return the spec of a run with two steps, a gate and a registration."""
    return {
        "workspace": {"size": "64Mi"},
        "steps": [
            _TRAIN,
            {"name": "evaluate", "role": "Evaluate", "args": ["diabetes", "evaluate"]},
        ],
        "gate": {"metric": "mse", "goal": "Minimize", "threshold": "5000"},
        "register": {"model": "diabetes"},
        **more,
    }


def starts(run: str, when: Callable[[Stage], bool] | None = None, **more: Any) -> Move:
    """Return the move that creates a TrainingRun."""
    do = _create(run, run_spec(**more))
    return Move(do, when) if when else Move(do)


def _create(run: str, spec: dict[str, Any]) -> Callable[[Stage], Awaitable[None]]:
    return lambda stage: stage.create("TrainingRun", run, spec)


def _delete_job(step: str) -> Callable[[Stage], Awaitable[None]]:
    async def do(stage: Stage) -> None:
        for job in stage.all("Job"):
            if job["metadata"]["labels"][LABEL_STEP] == step:
                await stage.delete("Job", job["metadata"]["name"])

    return do


def _delete(kind: str, name: str) -> Callable[[Stage], Awaitable[None]]:
    return lambda stage: stage.delete(kind, name)


def ended(*runs: str) -> Callable[[Stage], bool]:
    """Return the predicate that all these runs are over."""
    return lambda stage: all(stage.has_ended(run) for run in runs)


def is_running(run: str, step: str) -> Callable[[Stage], bool]:
    """Return the predicate that the status says so, and which image the step's container has.

    A Job runs before its container starts: what a person does between the two ends in two ways.
    """
    return lambda stage: bool(_step(stage, run, step, "Running").get("image"))


def has_succeeded(run: str, step: str) -> Callable[[Stage], bool]:
    """Return the predicate that the status says so of the step, and that its Job is there."""
    return lambda stage: bool(_step(stage, run, step, "Succeeded"))


def _step(stage: Stage, run: str, step: str, state: str) -> dict[str, Any]:
    """Return what the status says of the step; nothing in another state or without its Job."""
    if not any(job["metadata"]["labels"][LABEL_STEP] == step for job in stage.all("Job")):
        return {}
    body = stage.get("TrainingRun", run) or {}
    steps: list[dict[str, Any]] = (body.get("status") or {}).get("steps") or []
    wanted = (one for one in steps if one["name"] == step and one["state"] == state)
    return next(wanted, {})


def _versions(count: int) -> Callable[[Stage], bool]:
    return lambda stage: len(stage.all("ModelVersion")) == count


def _is_gone(kind: str, name: str) -> Callable[[Stage], bool]:
    return lambda stage: stage.get(kind, name) is None


def _one_of_two(stage: Stage, recorder: Recorder) -> str:
    """Judge two equally good runs: whoever came first is registered, the other rejected."""
    names = [body["metadata"]["name"] for body in stage.all("ModelVersion")]
    if names != ["diabetes-v1"]:
        return f"versions {names} instead of one"
    if sum(recorder.registrations.values()) != 1:
        return f"{dict(recorder.registrations)} registrations"
    named = [
        body["metadata"]["name"]
        for body in stage.all("TrainingRun")
        if body["status"].get("modelVersion")
    ]
    if len(named) != 1:
        return f"{named} say that they registered the one version"
    many = {job: count for job, count in recorder.jobs().items() if count > 1}
    return f"Jobs made twice: {many}" if many else ""


TRAINING = (
    Scenario(name="first model", moves=(starts("a"),), goal=ended("a")),
    Scenario(
        name="better model",
        moves=(starts("a"), starts("b", ended("a"))),
        goal=ended("a", "b"),
        script=Script(metrics={"a": "100", "b": "90"}),
    ),
    Scenario(
        name="gate rejects",
        moves=(starts("a"), starts("b", ended("a"))),
        goal=ended("a", "b"),
        script=Script(metrics={"a": "100", "b": "110"}),
    ),
    Scenario(
        name="two at once",
        moves=(starts("a"), starts("b")),
        goal=ended("a", "b"),
        judge=_one_of_two,
    ),
    Scenario(
        name="step fails",
        moves=(starts("a"),),
        goal=ended("a"),
        script=Script(endings={("a", "train"): (Ending(3, "no such file"),)}),
    ),
    Scenario(
        name="metrics NaN",
        moves=(starts("a"),),
        goal=ended("a"),
        script=Script(metrics={"a": "NaN"}),
    ),
    Scenario(
        name="steps alone",
        moves=(starts("a", gate=None, register=None),),
        goal=ended("a"),
    ),
    Scenario(
        name="image by tag",
        moves=(starts("a", image="registry.example/team/train:1"),),
        goal=ended("a"),
        script=Script(digests={"0": f"sha256:{'7' * 64}"}),
    ),
    Scenario(
        name="run deleted midway",
        moves=(
            starts("a"),
            Move(_delete("TrainingRun", "a"), is_running("a", "evaluate")),
            # Children of the old one may be there still: they belong to another uid.
            starts("a", _is_gone("TrainingRun", "a")),
        ),
        goal=ended("a"),
        script=Script(endings={("a", "evaluate"): (_STAYS,)}),
    ),
    Scenario(
        name="job deleted midway",
        moves=(
            starts("a"),
            Move(_delete_job("train"), is_running("a", "train")),
        ),
        goal=ended("a"),
        script=Script(endings={("a", "train"): (_STAYS,)}),
    ),
    Scenario(
        name="job deleted after",
        moves=(
            starts("a"),
            Move(_delete_job("train"), has_succeeded("a", "train")),
        ),
        goal=ended("a"),
    ),
    Scenario(
        name="last job deleted",
        moves=(
            starts("a", steps=[_TRAIN], gate=None, register=None),
            Move(_delete_job("train"), has_succeeded("a", "train")),
        ),
        goal=ended("a"),
        # Long enough that whoever hears late has heard of the run.
        script=Script(endings={("a", "train"): (Ending(lasts=1.5),)}),
    ),
    Scenario(
        name="version deleted",
        moves=(
            starts("a"),
            Move(_delete("ModelVersion", "diabetes-v1"), ended("a")),
            starts("b", _versions(0)),
        ),
        goal=ended("a", "b"),
        script=Script(metrics={"a": "100", "b": "90"}),
    ),
)
