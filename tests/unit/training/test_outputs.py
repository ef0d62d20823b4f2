"""A step has succeeded when it exited with 0 and left what it declared."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.core.plan import Create, Manifest
from comal_operator.core.training.steps import ENDS
from make import DIGEST, a_run, an_ended_pod, conditions, ended_job
from training_world import World

FOUND = {"outputs": [{"digest": DIGEST, "size": 3, "files": 1}], "error": None}
MISSING = {
    "outputs": [],
    "error": {"reason": "OutputMissing", "message": "output model/ is not in the workspace"},
}


def declaring(**step: Any) -> World:
    run = a_run("train", "evaluate")
    run["spec"]["steps"][0] |= {"outputs": ["model/"], **step}
    world = World().add(run)
    world.settle()
    return world


def exited(**step: Any) -> World:
    """A run whose first step has exited with 0 and whose outputs are looked for."""
    world = declaring(**step)
    world.end("train")
    world.settle()
    return world


def seal_of(world: World) -> Manifest:
    """Return the newest Job that looks for outputs."""
    name = next(n for k, n in reversed(world.made) if k == "Job" and "comal-seal" in n)
    return world.objects["Job", name]


def end_seal(world: World, *, said: Any, code: int = 0) -> None:
    job = seal_of(world)
    world.add(an_ended_pod(job, code=code, said=said))
    world.add(ended_job(job, "Failed" if code else "Complete"))


def state(world: World, step: int = 0) -> Any:
    return world.status()["steps"][step]


def test_exit_code_0_alone_is_not_success() -> None:
    world = exited()
    assert state(world)["state"] == "Running"
    assert world.status()["activeStep"] == "train"
    assert "checking the outputs of step train" in _message(world)
    assert state(world, 1)["state"] == "Pending"


def test_what_looks_for_them_is_the_operators_own_and_reaches_nothing() -> None:
    pod = seal_of(exited())["spec"]["template"]
    container = pod["spec"]["containers"][0]
    assert container["image"] == "localhost/comal/trainer:1"
    assert container["args"] == ["seal", "--output=model/"]
    assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == "training-report"


def test_outputs_that_are_there_make_success() -> None:
    world = exited()
    end_seal(world, said=FOUND)
    world.settle()
    assert state(world)["state"] == "Succeeded"
    assert state(world)["outputsDigest"].startswith("sha256:")
    assert state(world, 1)["state"] == "Running"


def test_a_missing_output_is_a_failure_that_names_it() -> None:
    world = exited()
    end_seal(world, said=MISSING)
    world.settle()
    assert conditions(world.status())["Failed"] == ("True", "OutputMissing")
    assert "exited with code 0, but output model/ is not in the workspace" in _message(world)


def test_a_missing_output_takes_from_the_budget_of_failures() -> None:
    world = exited(retry={"failures": 1})
    end_seal(world, said=MISSING)
    world.settle()
    assert state(world)["failures"] == 1
    assert state(world)["reason"] == "OutputMissing"
    world.wait(minutes=1)
    world.settle()
    second = world.job("train-2")
    world.add(ended_job(second))
    world.settle()
    assert state(world)["state"] == "Running"
    seals = [n for (k, n) in world.made if k == "Job" and "comal-seal" in n]
    assert len(set(seals)) == 2  # each attempt is looked at anew
    end_seal(world, said=FOUND)
    world.settle()
    assert state(world)["state"] == "Succeeded"
    assert state(world)["attempts"] == 2


def test_a_job_that_was_made_again_is_looked_at_again() -> None:
    world = exited()
    end_seal(world, said=MISSING)
    world.objects.pop(("Job", world.job("train")["metadata"]["name"]))
    world.settle()
    assert state(world)["state"] == "Running"
    assert "running step train" in _message(world)


def test_a_step_without_outputs_needs_no_look() -> None:
    world = World().add(a_run())
    world.settle()
    world.end("train")
    world.settle()
    assert conditions(world.status())["Complete"] == ("True", "Completed")
    assert not [name for kind, name in world.made if "seal" in name]


def test_another_step_goes_on_while_outputs_are_looked_for() -> None:
    run = a_run("one", "two", "three", workspace={"accessModes": ["ReadWriteMany"]})
    run["spec"]["steps"] = [
        {"name": "one", "after": [], "outputs": ["a"]},
        {"name": "two", "after": []},
        {"name": "three", "after": ["two"]},
    ]
    world = World().add(run)
    world.settle()
    world.end("one")
    world.end("two")
    world.settle()
    assert [step["state"] for step in world.status()["steps"]] == [
        "Running",
        "Succeeded",
        "Running",
    ]


def test_looking_that_fails_is_done_again_and_said() -> None:
    world = exited()
    end_seal(world, code=75, said="the volume is away")
    world.settle()
    assert conditions(world.status())["Stalled"] == ("True", "SealJobFailed")
    world.wait(minutes=2)
    plan = world.settle()
    assert not plan.actions
    assert conditions(world.status())["Ready"] == ("False", "Running")


@pytest.mark.parametrize("text", ["", "hello", "{}"])
def test_an_answer_that_is_none_is_not_success(text: str) -> None:
    world = exited()
    end_seal(world, said=text)
    world.settle()
    assert state(world)["state"] not in ENDS


def test_success_is_written_down_before_the_next_job() -> None:
    world = exited()
    end_seal(world, said=FOUND)
    assert not isinstance(world.plan().actions[0], Create)


def _message(world: World) -> str:
    found = {c["type"]: c["message"] for c in world.status()["conditions"]}
    return str(found["Ready"])
