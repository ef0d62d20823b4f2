"""Newer versions: followed by a rollout each, or only told."""

from __future__ import annotations

import copy

from serving_moments import course, revisions, settled, version, wanting


def test_latest_is_followed_by_a_rollout() -> None:
    world = settled(wanting(latest=True).add(version(1)))
    world.add(version(2))
    world.settle()
    assert revisions(world) == "2"
    assert world.condition("UpdateAvailable")["status"] == "absent"


def test_a_version_that_is_kept_tells_that_there_is_a_newer_one() -> None:
    world = settled(wanting(latest=True, autoUpdate=False).add(version(1)))
    assert world.condition("UpdateAvailable")["reason"] == "UpToDate"
    world.add(version(2))
    world.settle(100)
    assert (course(world), revisions(world)) == ("Ready Serving", "1")
    told = world.condition("UpdateAvailable")
    assert (told["status"], told["reason"]) == ("True", "NewerVersion")
    assert "spec.model names diabetes-v2 now" in told["message"]
    assert "diabetes-v1 goes on serving" in told["message"]
    # Somebody lets it go on: the same endpoint follows.
    world.edit(model={"name": "diabetes", "latest": True})
    world.settle()
    assert revisions(world) == "2"


def test_an_alias_that_moves_is_an_update_too() -> None:
    first, second = version(1), version(2)
    first["status"] = {"aliases": ["champion"]}
    world = settled(wanting(alias="champion", autoUpdate=False).add(first, second))
    assert world.condition("UpdateAvailable")["status"] == "False"
    moved = copy.deepcopy(first)
    moved["status"] = {"aliases": []}
    second["status"] = {"aliases": ["champion"]}
    world.add(moved, second)
    world.settle()
    assert revisions(world) == "1"
    assert world.condition("UpdateAvailable")["status"] == "True"
