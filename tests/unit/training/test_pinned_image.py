"""Which trainer image a run's steps have that name none: the one of its start, to its end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from comal_operator.core.plan import Create, Plan, Settings, WriteStatus
from make import SETTINGS, a_registry, a_run
from training_world import World

SWEEP = {
    "parameters": {"alpha": {"choice": ["0.1", "0.4"]}},
    "sampler": "Grid",
    "maxTrials": 2,
    "parallelism": 1,
    "objective": {"metric": "mse", "goal": "Minimize"},
}
NEW = replace(SETTINGS, trainer_image="registry/comal-trainer:new")
OWN = SETTINGS.trainer_image


def images(world: World, step: str) -> str:
    """Return the image of a step's newest Job."""
    image: str = world.job(step)["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def upgraded(world: World) -> World:
    """Return the world under an operator that brings another trainer image."""
    world.settings = NEW
    world.settle()
    return world


def started(*steps: str, **spec: Any) -> World:
    world = World().add(a_run(*steps, **spec), a_registry())
    world.settle()
    return world


def test_a_later_step_has_the_image_of_the_first() -> None:
    world = started("prepare", "train")
    world.end("prepare")
    upgraded(world)
    assert images(world, "train") == OWN
    assert world.status()["trainerImage"] == OWN


def test_a_later_attempt_has_the_image_of_the_first() -> None:
    steps = [{"name": "train", "command": ["train"], "retry": {"failures": 1}}]
    world = started(steps=steps)
    world.end("train", code=3)
    upgraded(world)
    world.wait(minutes=10)
    world.settle()
    assert world.status()["steps"][0]["attempts"] == 2
    assert images(world, "train") == OWN


def test_the_operators_own_jobs_are_the_operators_to_change() -> None:
    world = started("train", register={"model": "diabetes"})
    world.end("train")
    upgraded(world)
    # What it says to them and what they answer belongs to its version.
    assert images(world, "comal-collect") == NEW.trainer_image


def test_it_is_kept_before_the_first_job_is_made_and_costs_no_write_of_status() -> None:
    world = World().add(a_run())
    writes = 0
    while not _makes_a_job(plan := world.plan()):
        writes += isinstance(plan.actions[0], WriteStatus)
        world.carry_out(plan)
    assert writes == 0
    assert kept(world) == OWN


def test_an_operator_that_follows_before_the_status_was_written_takes_the_same() -> None:
    world = World().add(a_run())
    while not _makes_a_job(plan := world.plan()):
        world.carry_out(plan)
    # The one dies that has made everything but the Job.
    assert world.status() == {}
    upgraded(world)
    assert images(world, "train") == OWN
    assert world.status()["trainerImage"] == OWN


def test_a_config_map_without_it_is_followed_by_a_status_before_a_job() -> None:
    """Made by an operator of before, or lost and made again: then the status says it first."""
    world = World().add(a_run())
    while not _makes_a_job(plan := world.plan()):
        world.carry_out(plan)
    (key,) = (key for key in world.objects if key[0] == "ConfigMap")
    del world.objects[key]["data"]["trainer-image"]
    first = world.plan().actions[0]
    assert isinstance(first, WriteStatus)
    assert first.status["trainerImage"] == OWN


def _makes_a_job(plan: Plan) -> bool:
    first = plan.actions[0]
    return isinstance(first, Create) and first.manifest["kind"] == "Job"


def kept(world: World) -> Any:
    """Return what the run's ConfigMap says."""
    (found,) = (thing for (kind, _), thing in world.objects.items() if kind == "ConfigMap")
    return found["data"].get("trainer-image")


def test_a_run_whose_steps_name_their_images_has_none_and_costs_no_write() -> None:
    world = World().add(a_run(image="registry/train:1"))
    assert not isinstance(world.plan().actions[0], WriteStatus)
    world.settle()
    assert "trainerImage" not in world.status()
    assert kept(world) is None


@pytest.mark.parametrize("settings", [SETTINGS, NEW])
def test_a_run_that_waits_for_its_start_has_the_image_of_its_start(settings: Settings) -> None:
    world = World().add(a_run(suspend=True))
    world.settle()
    assert "trainerImage" not in world.status()

    run = world.run()
    world.add({**run, "spec": {**run["spec"], "suspend": False}})
    world.settings = settings
    world.settle()
    assert images(world, "train") == settings.trainer_image


def test_trials_have_the_image_of_their_sweep() -> None:
    world = started(sweep=SWEEP, parameters={"alpha": "0.5"}, register={"model": "diabetes"})
    world.settings = NEW
    world.settle("diabetes-t0")
    own = {key[1]: job for key, job in world.objects.items() if key[0] == "Job"}
    (job,) = (job for name, job in own.items() if name.startswith("diabetes-t0-"))
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == OWN
    assert world.status("diabetes-t0")["trainerImage"] == OWN


def test_nobody_chooses_it_by_naming_a_sweep() -> None:
    stranger = a_run(name="other")
    stranger["status"] = {"trainerImage": "registry/evil:1"}
    run = a_run()
    owner = {"kind": "TrainingRun", "name": "other", "uid": "not-its-uid", "controller": True}
    run["metadata"]["ownerReferences"] = [owner]
    world = World().add(run, stranger)
    world.settle()
    assert images(world, "train") == OWN
