"""An endpoint that is stopped: nobody is answered, everything else stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.core.serving.acknowledgement import traffic_of
from serving_moments import STEPS, course, rolling, serving, version
from serving_world import ServingWorld


def shown(world: ServingWorld, part: str = "acknowledgedPercent") -> list[str | None]:
    return [one.get(part) for one in world.status["traffic"]]


def suspended(world: ServingWorld, seconds: float = 0) -> ServingWorld:
    world.edit(suspend=True)
    world.settle(seconds)
    return world


def pods(world: ServingWorld) -> dict[str, Any]:
    found = {one["revision"]: world.of_revision(one["revision"]) for one in world.status["traffic"]}
    return {name: one["spec"]["replicas"] for name, one in found.items()}


def test_nobody_is_answered_and_the_pods_stay() -> None:
    world = suspended(serving())
    assert course(world) == "Ready Suspended"
    assert world.condition("Available")["reason"] == "Suspended"
    assert shown(world, "percent") == shown(world) == ["0"]
    # What comes back is what was there.
    assert list(traffic_of(world.secret).values()) == ["100"]
    assert list(pods(world).values()) == [2]
    assert not world.look().actions
    world.edit(suspend=False)
    world.settle()
    assert course(world) == "Ready Serving"
    assert shown(world) == ["100"]


def test_it_is_not_told_before_every_router_has_followed() -> None:
    world = serving()
    world.lazy = True
    suspended(world)
    assert course(world) == "Going Progressing"
    assert shown(world) == ["100"]
    world.lazy = False
    world.settle(5)
    assert course(world) == "Ready Suspended"


def test_a_candidate_waits_and_begins_its_step_anew() -> None:
    world = rolling()
    before = pods(world)
    suspended(world, 300)
    assert course(world) == "Going Suspended"
    assert world.status["weight"] == STEPS[0]["percent"]
    assert pods(world) == before
    world.edit(suspend=False)
    world.settle(5)
    assert world.status["weight"] == STEPS[0]["percent"]
    world.settle(70)
    assert world.status["weight"] == STEPS[1]["percent"]


def test_too_few_requests_are_nobodys_fault() -> None:
    steps = [{"percent": "10", "for": "60s", "minRequests": 100}]
    world = rolling(steps=steps, analysis={"onInsufficientTraffic": "Fail"})
    suspended(world, 300)
    assert course(world) == "Going Suspended"
    assert "rejected" not in world.status


def test_a_new_version_meets_nobody() -> None:
    world = suspended(serving()).add(version(2))
    world.settle(600)
    assert course(world) == "Going Suspended"
    assert world.status["weight"] == "0"
    assert shown(world) == ["0", "0"]


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_lost_status_does_not_start_it(rounds: int) -> None:
    world = suspended(serving())
    for _ in range(rounds):
        world.mdep["status"] = {"observedGeneration": -1}
        world.settle()
    assert course(world) == "Ready Suspended"
    assert world.status["stable"]["modelVersion"] == "diabetes-v1"
