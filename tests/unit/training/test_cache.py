"""Two runs with an equal step: the second one takes what the first has made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cached_world import SEALED, Namespace, a_cached_run, after_one, with_two
from make import DIGEST, a_run, an_ended_pod, conditions, ended_job


def test_a_hit_makes_no_job_and_says_from_which_run() -> None:
    world = with_two(after_one())
    assert world.steps("two")["prepare"]["state"] == "Cached"
    assert world.steps("two")["prepare"]["cachedFrom"] == "one"
    assert world.steps("two")["prepare"]["outputsDigest"].startswith("sha256:")
    assert not world.has_made("two", "prepare")


def test_the_outputs_are_there_before_the_first_step_that_reads_them() -> None:
    world = with_two(after_one())
    assert not world.has_made("two", "train")
    job = world.job_of("two", "comal-restore-prepare")
    pod = job["spec"]["template"]["spec"]
    assert json.loads(pod["containers"][0]["args"][-1].partition("=")[2]) == [["data/", DIGEST]]
    claim = next(v["persistentVolumeClaim"] for v in pod["volumes"] if v["name"] == "cache")
    assert claim["claimName"].startswith("one-workspace-")
    assert claim["readOnly"] is True
    world.finish("two", "comal-restore-prepare", {"size": 3, "error": None})
    assert world.states("two") == ["Cached", "Running"]
    # What copied them goes: a Pod that is through still holds the other run's claim.
    assert not [n for k, n in world.objects if k == "Job" and "two-comal-restore" in n]
    world.finish("two", "train")
    assert conditions(world.status("two"))["Complete"] == ("True", "Completed")
    assert world.states("two") == ["Cached", "Succeeded"]


def test_a_run_of_hits_alone_makes_no_pod_at_all() -> None:
    both = {"outputs": ["model"], "cache": {}}
    space = Namespace().add(a_cached_run("one", train=both))
    assert isinstance(space, Namespace)
    space.finish("one", "prepare")
    space.finish("one", "comal-seal-prepare", SEALED)
    space.finish("one", "train")
    space.finish("one", "comal-seal-train", SEALED)
    with_two(space, train=both)
    assert space.states("two") == ["Cached", "Cached"]
    assert conditions(space.status("two"))["Complete"] == ("True", "Completed")
    assert not [name for kind, name in space.made if kind == "Job" and name.startswith("two")]


@pytest.mark.parametrize(
    "other",
    [
        {"parameters": {"alpha": "0.5"}},
        {"cache": {"version": "2"}},
        {"image": "localhost/comal/other@sha256:" + "b" * 64},
        {"workspace": {"mountPath": "/other"}},
    ],
)
def test_another_input_is_no_hit(other: dict[str, Any]) -> None:
    world = with_two(after_one(), **other)
    assert world.states("two") == ["Running", "Pending"]


def test_an_image_by_tag_is_not_cached_and_the_status_says_why() -> None:
    world = with_two(after_one(image="localhost/mine:1"), image="localhost/mine:1")
    assert world.states("two") == ["Running", "Pending"]
    assert "is a tag" in world.steps("two")["prepare"]["notCached"]
    assert not world.caches()


def test_a_step_after_one_without_outputs_is_not_cached() -> None:
    world = Namespace()
    run = a_run(name="one")
    cached = {"name": "train", "outputs": ["model"], "cache": {}}
    run["spec"]["steps"] = [{"name": "download"}, cached]
    world.add(run)
    world.finish("one", "download")
    assert "step download before it has no outputs" in world.steps("one")["train"]["notCached"]


def test_equal_outputs_of_another_making_are_equal_inputs() -> None:
    """A comment changed in prepare: it runs again, but what follows it is a hit."""
    both = {"outputs": ["model"], "cache": {}}
    world = Namespace()
    world.add(a_cached_run("one", train=both))
    for part in ("prepare", "comal-seal-prepare", "train", "comal-seal-train"):
        world.finish("one", part, SEALED if "seal" in part else "")
    run = a_cached_run("two", train=both)
    run["spec"]["steps"][0]["args"] = ["--comment"]
    world.add(run)
    world.finish("two", "prepare")
    world.finish("two", "comal-seal-prepare", SEALED)
    assert world.states("two") == ["Succeeded", "Cached"]


def test_the_second_of_two_waits_for_the_first() -> None:
    world = Namespace()
    world.add(a_cached_run("one"))
    world.settle("one")
    with_two(world)
    assert world.states("two") == ["Pending", "Pending"]
    assert conditions(world.status("two"))["Ready"] == ("False", "WaitingForCache")
    ready = next(c for c in world.status("two")["conditions"] if c["type"] == "Ready")
    assert "waits for run one" in ready["message"]
    before = world.writes
    plan = world.settle("two")
    assert plan.requeue_after is not None
    assert plan.requeue_after.total_seconds() == 5
    assert world.writes == before
    world.finish("one", "prepare")
    world.finish("one", "comal-seal-prepare", SEALED)
    world.settle("two")
    assert world.states("two") == ["Cached", "Pending"]


@pytest.mark.parametrize("how", ["fails", "is cancelled", "is suspended", "is deleted"])
def test_who_waits_runs_it_when_the_first_does_not(how: str) -> None:
    world = Namespace()
    world.add(a_cached_run("one"))
    world.settle("one")
    with_two(world)
    if how == "fails":
        job = world.job_of("one", "prepare")
        world.add(an_ended_pod(job, code=1), ended_job(job, "Failed"))
    elif how == "is deleted":
        world.delete_run("one")
    else:
        stop = {"cancel": True} if how == "is cancelled" else {"suspend": True}
        spec = {**world.run("one")["spec"], **stop}
        world.objects["TrainingRun", "one"] = {**world.run("one"), "spec": spec}
    if how != "is deleted":
        world.settle("one")
    world.settle("two")
    assert world.states("two") == ["Running", "Pending"]
