"""capacity: Conserve — two revisions share the Pods that one has."""

from __future__ import annotations

import math

import pytest

from serving_moments import back, digest, version
from serving_world import ServingWorld, an_endpoint

STEPS = [{"percent": percent, "for": "60s"} for percent in ("10", "30", "60")]


def serving(replicas: int = 10) -> ServingWorld:
    rollout = {"steps": STEPS, "bake": "5m", "capacity": "Conserve"}
    world = ServingWorld().add(an_endpoint(rollout=rollout, replicas=replicas), version(1))
    world.settle()
    return world


def sizes(world: ServingWorld) -> dict[str, int]:
    roles = [role for role in ("stable", "candidate", "previous") if role in world.status]
    names = {role: f"diabetes-{world.status[role]['revision']}" for role in roles}
    found = {role: world.objects.get(("Deployment", name)) for role, name in names.items()}
    return {role: one["spec"]["replicas"] for role, one in found.items() if one is not None}


def test_pods_follow_shares() -> None:
    world = serving().add(version(2))
    world.settle()
    seen = {}
    for _ in range(4):
        seen[world.status.get("weight", "-")] = sizes(world)
        world.settle(61)
    assert seen == {
        "10": {"stable": 9, "candidate": 3},
        "30": {"stable": 7, "candidate": 6},
        "60": {"stable": 4, "candidate": 10},
        "-": {"stable": 10, "previous": 1},
    }
    world.settle(400)
    assert sizes(world) == {"stable": 10}


@pytest.mark.parametrize("replicas", [1, 2, 3, 7])
def test_nobody_ever_has_fewer_pods_than_its_share_needs(replicas: int) -> None:
    world = serving(replicas).add(version(2))
    for _ in range(400):
        if not world.step().actions:
            world.wait(1)
        world.controllers()
        for one in world.status.get("traffic", ()):
            told = float(one.get("acknowledgedPercent", 0))
            pods = world.of_revision(one["revision"])["spec"]["replicas"]
            assert pods >= math.ceil(told * replicas / 100), (one, world.status["traffic"])
        total = sum(sizes(world).values())
        assert total <= replicas + math.ceil(replicas * 0.4) + 1
    assert world.status["stable"]["modelVersion"] == "diabetes-v2"


def test_a_failure_gives_stable_its_pods_back() -> None:
    world = serving().add(version(2))
    world.settle(61)
    assert sizes(world)["stable"] == 7
    back(world)
    assert sizes(world) == {"stable": 10}
    assert world.condition("Ready")["reason"] == "Serving"


def test_the_former_revision_takes_over_only_once_it_has_grown() -> None:
    world = serving().add(version(2))
    world.settle(250)
    assert sizes(world) == {"stable": 10, "previous": 1}
    revision = world.status["stable"]["revision"]
    world.mdep["metadata"]["annotations"] = {"comal.dev/request": f"rollback@{revision}#1"}
    world.settle()
    assert "is not available, so it cannot take over" in world.status["requests"][0]["refused"]
    back(world)
    assert world.status["stable"]["digest"] == digest(1)
    assert sizes(world)["stable"] == 10
