"""Suspend and cancel, and what is deleted after the end."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.core.plan import Delete
from make import a_gated_run, a_registry, a_run, a_running_pod
from training_moments import Moment, check_moment
from training_world import World


def spec(world: World, **fields: Any) -> World:
    """Let a person change the run's spec."""
    run = world.run()
    meta = {**run["metadata"], "generation": run["metadata"]["generation"] + 1}
    return world.add({**run, "metadata": meta, "spec": {**run["spec"], **fields}})


def in_the_middle(**more: Any) -> World:
    """A run of two steps, the first of which has succeeded."""
    world = World().add(a_run("prepare", "train", **more))
    world.settle()
    world.end("prepare")
    world.settle()
    world.add(a_running_pod(world.job("train")))
    world.settle()
    return world


def registered() -> World:
    world = World().add(a_gated_run(), a_registry())
    world.register_everything()
    world.settle()
    return world


def late_cancel() -> World:
    """Cancelled when the version exists and the run has not said so yet."""
    world = spec(registered(), cancel=True)
    world.remember_numbers()
    return world


NO_SERIES: dict[str, Any] = {"metrics": {}, "error": None, "series": 0}
REST = {"Suspended"}
CANCELLED = {"Failed:Cancelled"}
MOMENTS: dict[str, Moment] = {
    "suspended in the middle": (lambda: spec(in_the_middle(), suspend=True), "Suspended", REST),
    "suspended before it began": (
        lambda: World().add(a_run(suspend=True)),
        "Suspended",
        REST,
    ),
    "going on after it": (
        lambda: spec(rested(spec(in_the_middle(), suspend=True)), suspend=False),
        "Running",
        {"Reconciling"},
    ),
    "cancelled in the middle": (lambda: spec(in_the_middle(), cancel=True), "Cancelled", CANCELLED),
    "cancelled while suspended": (
        lambda: spec(rested(spec(in_the_middle(), suspend=True)), cancel=True),
        "Cancelled",
        CANCELLED,
    ),
    "too late to cancel": (
        late_cancel,
        "Registered",
        {"Complete", "GatePassed", "Registered"},
    ),
    "suspended after its end": (lambda: spec(kept(), suspend=True), "Completed", {"Complete"}),
}


def rested(world: World) -> World:
    world.settle()
    return world


@pytest.mark.parametrize("moment", MOMENTS)
def test_moment(moment: str) -> None:
    check_moment(MOMENTS[moment])


def live_jobs(world: World) -> list[str]:
    return [
        name for (kind, name), job in world.objects.items() if kind == "Job" and "status" not in job
    ]


def test_a_suspended_run_keeps_what_is_done_and_counts_nothing() -> None:
    world = spec(in_the_middle(), suspend=True)
    stopped = world.job("train")["metadata"]["name"]
    world.settle()
    assert live_jobs(world) == []

    spec(world, suspend=False).settle()
    assert live_jobs(world) == [stopped]
    states = {one["name"]: one["state"] for one in world.status()["steps"]}
    assert states == {"prepare": "Succeeded", "train": "Running"}
    assert world.status()["steps"][1]["attempts"] == 1
    assert "Suspended" not in {one["type"] for one in world.status()["conditions"]}


def test_the_operators_own_jobs_are_suspended_too() -> None:
    world = World().add(a_gated_run(), a_registry())
    world.register_everything(upto="train")
    world.settle()
    assert live_jobs(world)
    spec(world, suspend=True).settle()
    assert live_jobs(world) == []
    spec(world, suspend=False).settle()
    assert [name for name in live_jobs(world) if "comal-collect" in name]


def test_steps_of_a_cancelled_run_are_stopped() -> None:
    world = spec(in_the_middle(), cancel=True)
    world.settle()
    states = {one["name"]: one["state"] for one in world.status()["steps"]}
    assert states == {"prepare": "Succeeded", "train": "Stopped"}
    # What reads the series is small, and ends by itself.
    assert live_jobs(world) == [world.job("comal-series")["metadata"]["name"]]


def kept(**more: Any) -> World:
    world = in_the_middle(**more)
    world.end("train")
    world.settle()
    world.end("comal-series", said=NO_SERIES)
    world.settle()
    return world


def names(world: World, *kinds: str) -> list[str]:
    return sorted(kind for kind, _ in world.objects if kind in kinds)


def test_what_is_changed_after_the_end_is_taken_note_of() -> None:
    world = spec(kept(), ttl={"children": "1h"})
    before = world.status()
    world.settle()
    said = world.status()["conditions"]
    generation = world.run()["metadata"]["generation"]
    assert generation > before["observedGeneration"]
    assert {one["observedGeneration"] for one in said} == {generation}
    assert world.status() == {
        **before,
        "observedGeneration": generation,
        "conditions": [{**one, "observedGeneration": generation} for one in before["conditions"]],
    }


def test_everything_is_kept_without_a_ttl() -> None:
    world = kept().wait(days=400)
    assert world.settle().requeue_after is None
    assert names(world, "Job", "PersistentVolumeClaim") == [*["Job"] * 3, "PersistentVolumeClaim"]


def test_jobs_and_workspace_go_in_their_time_and_the_run_stays() -> None:
    world = kept(ttl={"children": "1h", "workspace": "3h"})
    left = world.settle().requeue_after
    assert left is not None
    assert left.total_seconds() == 3600

    world.wait(hours=1).settle()
    assert names(world, "Job", "PersistentVolumeClaim") == ["PersistentVolumeClaim"]
    left = world.settle().requeue_after
    assert left is not None
    assert left.total_seconds() == 7200

    world.wait(hours=2)
    assert world.settle().requeue_after is None
    assert names(world, "Job", "PersistentVolumeClaim", "TrainingRun") == ["TrainingRun"]


@pytest.mark.parametrize(
    ("code", "hours", "left"),
    [(0, 1, []), (1, 1, ["Job", "PersistentVolumeClaim"]), (1, 2, ["Job"]), (1, 9, [])],
)
def test_a_failed_run_may_keep_its_things_longer(code: int, hours: int, left: list[str]) -> None:
    ttl = {"children": "1h", "workspace": "1h", "failed": {"children": "9h", "workspace": "2h"}}
    world = World().add(a_run(ttl=ttl))
    world.settle()
    world.end("train", code=code, said="no")
    world.settle()
    world.wait(hours=hours).settle()
    assert names(world, "Job", "PersistentVolumeClaim") == left


def test_a_time_that_a_failed_run_does_not_name_is_the_same() -> None:
    world = World().add(a_run(ttl={"children": "1h", "failed": {"workspace": "2h"}}))
    world.settle()
    world.end("train", code=1, said="no")
    world.settle()
    world.wait(hours=1).settle()
    assert names(world, "Job", "PersistentVolumeClaim") == ["PersistentVolumeClaim"]


def test_a_ttl_that_is_set_long_after_the_end_works() -> None:
    world = kept().wait(days=40)
    spec(world, ttl={"children": "24h"}).settle()
    assert names(world, "Job") == []


@pytest.mark.parametrize(
    "workspace", [{"retain": True}, {"existingClaim": "azure-managed-disk"}], ids=str
)
def test_a_claim_that_is_not_the_runs_stays(workspace: dict[str, Any]) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "azure-managed-disk", "namespace": "team", "uid": "its-own"},
    }
    world = World().add(a_run(workspace=workspace, ttl={"workspace": "1s"}), claim)
    world.settle()
    world.end("train")
    world.settle()
    plan = world.wait(hours=1).plan()
    assert not [action for action in plan.actions if isinstance(action, Delete)]
