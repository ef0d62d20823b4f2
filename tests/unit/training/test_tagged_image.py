"""An image by tag that no registry is asked for: what ran first is what runs to the end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from comal_operator.core.plan import WriteStatus
from make import SETTINGS, a_run, a_running_pod, ended_job
from training_world import World, deeds

TAG = "myacr.azurecr.io/team/train:7"
DIGEST = "sha256:" + "d" * 64
PINNED = f"myacr.azurecr.io/team/train@{DIGEST}"
NEWER = "sha256:" + "e" * 64


def image(world: World, step: str) -> str:
    """Return the image of a step's newest Job."""
    container = world.job(step)["spec"]["template"]["spec"]["containers"][0]
    found: str = container["image"]
    return found


def ran(world: World, step: str, reported: str = PINNED) -> World:
    """Let the step's container start, as a kubelet tells it."""
    pod = a_running_pod(world.job(step))
    [container] = pod["status"]["containerStatuses"]
    world.add(
        {**pod, "status": {**pod["status"], "containerStatuses": [_told(container, reported)]}}
    )
    world.settle()
    return world


def _told(container: dict[str, Any], reported: str) -> dict[str, Any]:
    return {**container, "image": TAG, "imageID": reported}


def started(*steps: Any, **spec: Any) -> World:
    settings = replace(SETTINGS, unresolved_images=("*",))
    world = World(settings=settings).add(
        a_run(steps=[{"command": ["x"], **one} for one in steps], **spec)
    )
    world.settle()
    return world


def retried(reported: str = PINNED, named: str = TAG, **step: Any) -> World:
    """A run whose step fails after it ran as `reported`, and has its second Job."""
    world = started({"name": "train", "image": named, "retry": {"failures": 1}, **step})
    assert image(world, "train") == named
    ran(world, "train", reported)
    world.end("train", code=3)
    world.settle()
    world.wait(minutes=10)
    world.settle()
    assert world.status()["steps"][0]["attempts"] == 2
    return world


@pytest.mark.parametrize(
    ("named", "reported", "pinned"),
    [
        (TAG, PINNED, PINNED),
        (TAG, f"docker-pullable://{PINNED}", PINNED),
        (
            "localhost:5000/train",
            f"localhost:5000/train@{DIGEST}",
            f"localhost:5000/train@{DIGEST}",
        ),
        ("python:3.13", f"docker.io/library/python@{DIGEST}", f"python@{DIGEST}"),
        ("team/train:1", f"index.docker.io/team/train@{DIGEST}", f"team/train@{DIGEST}"),
    ],
)
def test_a_later_attempt_has_what_ran(named: str, reported: str, pinned: str) -> None:
    assert image(retried(reported, named), "train") == pinned


@pytest.mark.parametrize(
    ("named", "reported"),
    [
        # Loaded by hand: the node's own id, or the name that the loader made up.
        (TAG, DIGEST),
        (TAG, f"docker.io/library/import-2026-11-21@{DIGEST}"),
        (TAG, ""),
        (TAG, TAG),
        (TAG, "myacr.azurecr.io/team/train@sha256:cut"),
        (PINNED, f"myacr.azurecr.io/team/train@{NEWER}"),
    ],
)
def test_what_no_registry_would_know_is_not_used(named: str, reported: str) -> None:
    assert image(retried(reported, named), "train") == named


def test_a_later_step_of_the_same_tag_has_what_ran() -> None:
    world = started(
        {"name": "prepare"}, {"name": "train"}, {"name": "other", "image": "o:1"}, image=TAG
    )
    ran(world, "prepare")
    world.end("prepare")
    world.settle()
    assert image(world, "train") == PINNED
    ran(world, "train")
    world.end("train")
    world.settle()
    assert image(world, "other") == "o:1"


def test_a_gang_has_one_image_from_its_second_attempt_on() -> None:
    world = retried(distributed={"framework": "TensorFlow", "workers": 2})
    assert image(world, "train") == PINNED
    assert world.job("train")["spec"]["completions"] == 2


def test_of_two_that_ran_side_by_side_each_keeps_its_own() -> None:
    steps: list[dict[str, Any]] = [
        {"name": name, "after": [], "retry": {"failures": 1}} for name in ("one", "two")
    ]
    world = started(*steps, image=TAG, workspace={"accessModes": ["ReadWriteMany"]})
    ran(world, "one")
    ran(world, "two", f"myacr.azurecr.io/team/train@{NEWER}")
    world.end("two", code=3)
    world.settle()
    world.wait(minutes=10)
    world.settle()
    assert image(world, "two") == f"myacr.azurecr.io/team/train@{NEWER}"


@pytest.mark.parametrize("how", ["is suspended and goes on", "loses its Job"])
def test_it_is_remembered_of_a_job_that_is_gone(how: str) -> None:
    world = ran(started({"name": "train", "image": TAG}), "train")
    if how == "loses its Job":
        for key in [key for key in world.objects if key[0] in ("Job", "Pod")]:
            del world.objects[key]
    else:
        run = world.run()
        world.add({**run, "spec": {**run["spec"], "suspend": True}})
        world.settle()
        for key in [key for key in world.objects if key[0] == "Pod"]:
            del world.objects[key]
        world.add({**world.run(), "spec": run["spec"]})
    world.settle()
    assert image(world, "train") == PINNED


def test_it_is_remembered_before_the_next_job_is_made() -> None:
    world = started({"name": "train", "image": TAG, "retry": {"interruptions": 1}})
    pod = a_running_pod(world.job("train"))
    [container] = pod["status"]["containerStatuses"]
    conditions = [{"type": "DisruptionTarget", "status": "True", "message": "evicted"}]
    status = {
        **pod["status"],
        "phase": "Failed",
        "containerStatuses": [_told({**container, "state": _ENDED}, PINNED)],
        "conditions": conditions,
    }
    world.add({**pod, "status": status})
    world.add(ended_job(world.job("train"), "Failed"))
    first = deeds(world.plan())[0]
    assert isinstance(first, WriteStatus)
    assert first.status["steps"][0]["image"] == PINNED


_ENDED = {"terminated": {"exitCode": 143, "startedAt": "2026-01-01T00:00:00Z"}}


def test_it_stays_out_of_the_cache_whatever_ran() -> None:
    """Its key would be known only after a Job was made by the tag."""
    step = {"outputs": ["data/"], "cache": {}}
    world = started({"name": "prepare"}, {"name": "train", **step}, image=TAG)
    ran(world, "prepare")
    world.end("prepare")
    world.settle()
    assert "is a tag" in world.status()["steps"][1]["notCached"]
