"""Moments of Events: what `kubectl describe` shows of a run, made once of each thing."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.core.plan import Create, WriteStatus
from make import GATE, a_registry, a_run, a_version
from training_world import World


def told(world: World) -> list[tuple[str, str]]:
    """Return type and reason of every Event that was made, in order."""
    made = [world.objects[key] for key in world.made if key[0] == "Event"]
    return [(one["type"], one["reason"]) for one in made]


def trying(**retry: int) -> World:
    world = World().add(a_run(steps=[{"name": "train", "command": ["x"], "retry": retry}]))
    world.settle()
    return world


def test_a_complete_run_has_one_that_says_what_its_condition_says() -> None:
    world = trying()
    world.end("train")
    world.settle()
    assert told(world) == [("Normal", "Completed")]
    event: Any = next(thing for key, thing in world.objects.items() if key[0] == "Event")
    ready = next(one for one in world.status()["conditions"] if one["type"] == "Ready")
    assert event["message"] == ready["message"]
    assert event["involvedObject"]["uid"] == world.run()["metadata"]["uid"]
    assert event["involvedObject"]["kind"] == "TrainingRun"


def test_each_failed_attempt_has_one_and_so_has_the_end() -> None:
    world = trying(failures=1)
    world.end("train", code=3)
    world.settle()
    assert told(world) == [("Warning", "StepFailed")]
    world.wait(minutes=10)
    world.settle()
    world.end("train", code=3)
    world.settle()
    assert told(world) == [("Warning", "StepFailed")] * 3
    texts = [world.objects[key]["message"] for key in world.made if key[0] == "Event"]
    assert texts[0] == "step train exited with code 3"


@pytest.mark.parametrize(("reject", "kind"), [("Complete", "Normal"), ("Fail", "Warning")])
def test_a_rejected_model_has_one(reject: str, kind: str) -> None:
    gate = {**GATE, "onReject": reject}
    world = World().add(
        a_run(gate=gate, register={"model": "diabetes"}),
        a_registry(diabetes=1),
        a_version(1, mse="10"),
    )
    world.settle()
    world.end("train")
    world.settle()
    world.end("comal-collect", said={"metrics": {"mse": "20"}, "error": None})
    world.settle()
    [(found, reason)] = told(world)
    assert found == kind
    assert reason == world.status()["conditions"][0]["reason"]


def test_a_cancelled_run_has_one() -> None:
    world = trying()
    run = world.run()
    world.add({**run, "spec": {**run["spec"], "cancel": True}})
    world.settle()
    assert told(world) == [("Normal", "Cancelled")]


def test_it_is_made_before_the_status_and_once_if_that_is_refused() -> None:
    world = trying()
    world.end("train")
    first, second = world.plan().actions
    assert isinstance(first, Create)
    assert isinstance(second, WriteStatus)
    world.carry_out(world.plan())
    # Who follows finds it there.
    assert isinstance(world.plan().actions[0], WriteStatus)


def test_one_that_is_refused_holds_up_nothing() -> None:
    world = trying()
    world.end("train")
    first = world.plan().actions[0]
    assert isinstance(first, Create)
    world.refusals["Event", first.manifest["metadata"]["name"]] = "exceeded quota: events"
    world.settle()
    assert told(world) == []
    assert any(one["type"] == "Complete" for one in world.status()["conditions"])


def test_a_run_on_its_way_has_none() -> None:
    assert told(trying()) == []
