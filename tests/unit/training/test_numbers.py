"""A version gets the next number, once, whoever ends when."""

from __future__ import annotations

from make import a_gated_run, a_registry, a_version, conditions
from training_moments import gated
from training_world import World


def test_two_runs_that_finish_at_once_cannot_both_beat_the_same_version() -> None:
    world = gated(a_version(1, mse="4000"))
    world.register_everything()
    other = a_version(2, mse="3000", run="the-other-run")
    world.add(other)
    world.settle()
    assert world.status()["conditions"][0]["reason"] == "Rejected"
    assert not any(kind == "ModelVersion" for kind, _ in world.made)


def test_nobody_takes_a_number_before_the_last_one_is_remembered() -> None:
    world = gated(a_version(1, mse="4000"))
    world.add(a_version(2, mse="3999", run="the-other-run"))
    world.register_everything()
    world.settle()
    assert world.status()["conditions"][0]["reason"] == "WaitingForRegistry"

    world.remember_numbers()
    world.settle()
    assert ("ModelVersion", "diabetes-v3") in world.made


def test_a_deleted_version_leaves_its_number_unused() -> None:
    world = World().add(a_gated_run(), a_registry(diabetes=7))
    world.register_everything()
    world.settle()
    assert ("ModelVersion", "diabetes-v8") in world.made


def test_the_run_is_complete_only_once_its_number_is_remembered() -> None:
    world = gated()
    world.register_everything()
    world.settle()
    assert "Complete" not in conditions(world.status())

    world.remember_numbers()
    world.settle()
    assert world.status()["modelVersion"] == "diabetes-v1"


def test_a_run_whose_version_exists_registers_no_other() -> None:
    world = gated()
    world.register_everything()
    world.settle()
    world.remember_numbers()
    before = world.run()
    world.objects = {k: v for k, v in world.objects.items() if k[0] not in ("Job", "Pod")}
    world.add({key: value for key, value in before.items() if key != "status"})
    world.settle()

    assert [key for key in world.made if key[0] == "ModelVersion"] == [
        ("ModelVersion", "diabetes-v1")
    ]
