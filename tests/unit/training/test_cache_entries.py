"""What is kept of an equal step's outputs, for how long, and what becomes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cached_world import SEALED, WRONG, Namespace, a_cached_run, after_one, with_two
from comal_operator.core.names import LABEL_TRAINING_RUN
from comal_operator.core.plan import Delete
from make import a_registry, an_ended_pod, conditions


def test_a_finished_run_holds_no_reservation_and_its_claim_has_two_owners() -> None:
    world = after_one()
    assert len(world.caches()) == 1
    claim = next(t for (k, _), t in world.objects.items() if k == "PersistentVolumeClaim")
    kinds = [owner["kind"] for owner in claim["metadata"]["ownerReferences"]]
    assert kinds == ["TrainingRun", "ConfigMap"]


def test_the_claim_of_an_entry_outlives_its_run_but_not_the_entry() -> None:
    world = after_one()
    world.delete_run("one")
    claims = [name for kind, name in world.objects if kind == "PersistentVolumeClaim"]
    assert len(claims) == 1
    with_two(world)
    assert world.states("two") == ["Cached", "Pending"]
    entry = world.objects.pop(("ConfigMap", world.caches()[0]))
    world._collect_garbage(entry["metadata"]["uid"])
    assert claims[0] not in [name for _, name in world.objects]


@pytest.mark.parametrize("workspace", [{"retain": True}, {"existingClaim": "mine"}])
def test_a_claim_that_is_a_persons_gets_no_owner(workspace: dict[str, Any]) -> None:
    world = Namespace()
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    meta = {"name": "mine", "uid": "1", "labels": {LABEL_TRAINING_RUN: "one"}}
    world.add({**claim, "metadata": meta, "spec": {"accessModes": ["ReadWriteMany"]}})
    world.add(a_cached_run("one", workspace=workspace))
    for part in ("prepare", "comal-seal-prepare", "train"):
        world.finish("one", part, SEALED if "seal" in part else "")
    assert len(world.caches()) == 1
    for (kind, _), thing in world.objects.items():
        if kind == "PersistentVolumeClaim":
            owners = thing["metadata"].get("ownerReferences") or ()
            assert not [owner for owner in owners if owner["kind"] == "ConfigMap"]


def test_what_is_not_what_its_entry_says_is_made_again() -> None:
    world = with_two(after_one())
    world.finish("two", "comal-restore-prepare", WRONG)
    assert world.states("two") == ["Running", "Pending"]
    assert world.steps("two")["prepare"]["reason"] == "CacheInvalid"
    # Its Pod would hold the other run's claim.
    assert not [n for k, n in world.objects if k == "Job" and "two-comal-restore" in n]
    world.finish("two", "prepare")
    world.finish("two", "comal-seal-prepare", SEALED)
    assert world.states("two") == ["Succeeded", "Running"]
    entry = json.loads(json.dumps(world.objects["ConfigMap", world.caches()[0]]))
    assert entry["data"]["run"] == "two"


def test_a_claim_that_is_gone_is_no_hit_either() -> None:
    world = with_two(after_one())
    job = world.job_of("two", "comal-restore-prepare")
    claim = next(
        v["persistentVolumeClaim"]["claimName"]
        for v in job["spec"]["template"]["spec"]["volumes"]
        if v["name"] == "cache"
    )
    said = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    text = f'0/1 nodes are available: persistentvolumeclaim "{claim}" not found.'
    pod = an_ended_pod(job)
    world.add({**pod, "status": {"phase": "Pending", "conditions": [{**said, "message": text}]}})
    world.settle("two")
    assert world.states("two") == ["Running", "Pending"]


def test_an_entry_that_goes_before_it_was_read_is_no_hit() -> None:
    world = with_two(after_one())
    del world.objects["ConfigMap", world.caches()[0]]
    world.settle("two")
    assert world.states("two") == ["Running", "Pending"]


def test_an_entry_that_goes_after_it_was_read_was_a_hit() -> None:
    world = with_two(after_one())
    world.finish("two", "comal-restore-prepare", {"size": 3, "error": None})
    del world.objects["ConfigMap", world.caches()[0]]
    world.settle("two")
    assert world.states("two") == ["Cached", "Running"]


def test_an_entry_that_is_too_old_is_replaced() -> None:
    world = after_one(cache={"maxAge": "1h"})
    world.wait(minutes=59)
    assert with_two(world, cache={"maxAge": "1h"}).states("two") == ["Cached", "Pending"]
    world.wait(minutes=2)
    world.add(a_cached_run("three", cache={"maxAge": "1h"}))
    world.finish("three", "prepare")
    world.finish("three", "comal-seal-prepare", SEALED)
    assert world.states("three") == ["Succeeded", "Running"]
    assert [world.objects["ConfigMap", n]["data"]["run"] for n in world.caches()] == ["three"]


def test_refresh_runs_and_replaces() -> None:
    world = with_two(after_one(), cache={"mode": "Refresh"})
    assert world.states("two") == ["Running", "Pending"]
    world.finish("two", "prepare")
    world.finish("two", "comal-seal-prepare", SEALED)
    world.add(a_cached_run("three"))
    world.settle("three")
    assert world.steps("three")["prepare"]["cachedFrom"] == "two"


def test_off_neither_reads_nor_writes() -> None:
    world = with_two(after_one(), cache={"mode": "Never"})
    assert world.states("two") == ["Running", "Pending"]
    assert len(world.caches()) == 1


def test_a_quota_of_config_maps_holds_nobody_up() -> None:
    world = Namespace()
    world.add(a_cached_run("one"))
    plans = world.copy()
    assert isinstance(plans, Namespace)
    for _ in range(20):
        plan = plans.plan("one")
        made = [a.manifest["metadata"]["name"] for a in plan.actions if hasattr(a, "manifest")]
        names = [name for name in made if "cache" in name]
        if names:
            world.refusals["ConfigMap", names[0]] = "exceeded quota: objects"
            entry = names[0].removesuffix("-reserved")
            world.refusals["ConfigMap", entry] = "exceeded quota: objects"
            break
        plans.carry_out(plan)
    for part in ("prepare", "comal-seal-prepare", "train"):
        world.finish("one", part, SEALED if "seal" in part else "")
    assert conditions(world.status("one"))["Complete"] == ("True", "Completed")
    assert not world.caches()


def test_hits_are_copied_for_a_model_that_follows_them() -> None:
    world = Namespace()
    both = {"outputs": ["model"], "cache": {}}
    register = {"register": {"model": "diabetes"}}
    world.add(a_registry(), a_cached_run("one", train=both, **register))
    for part in ("prepare", "comal-seal-prepare", "train", "comal-seal-train"):
        world.finish("one", part, SEALED if "seal" in part else "")
    with_two(world, train=both, **register)
    assert not world.has_made("two", "comal-collect")
    world.finish("two", "comal-restore-prepare", {"size": 3, "error": None})
    world.finish("two", "comal-restore-train", {"size": 3, "error": None})
    assert world.has_made("two", "comal-collect")


def test_a_hit_that_is_looked_at_again_writes_nothing() -> None:
    world = with_two(after_one())
    world.wait(minutes=1)
    before = world.writes
    world.settle("two")
    assert world.writes == before


def test_a_strangers_config_map_is_no_entry_and_stays() -> None:
    world = after_one()
    name = world.caches()[0]
    body = {"data": {"key": "x"}, "metadata": {"name": name, "namespace": "team", "uid": "u"}}
    world.objects["ConfigMap", name] = {"apiVersion": "v1", "kind": "ConfigMap", **body}
    with_two(world)
    world.finish("two", "prepare")
    world.finish("two", "comal-seal-prepare", SEALED)
    assert world.states("two") == ["Succeeded", "Running"]
    assert world.objects["ConfigMap", name]["metadata"]["uid"] == "u"
    assert not [a for a in world.plan("two").actions if isinstance(a, Delete)]
