"""Two runs with an equal step: the second one takes what the first has made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from comal_operator.core.names import LABEL_TRAINING_RUN
from comal_operator.core.plan import Delete, Manifest, Named, Plan, Seen
from comal_operator.core.training.decide import plan_training_run
from make import DIGEST, SETTINGS, a_registry, a_run, an_ended_pod, conditions, ended_job
from training_world import World

SEALED = {"outputs": [{"digest": DIGEST, "size": 3, "files": 1}], "error": None}
WRONG = {"size": 0, "error": {"reason": "CacheInvalid", "message": "output data/ is another"}}
NAMESPACED = ("TrainingRun", "ModelRegistry", "ModelVersion")


@dataclass
class Namespace(World):
    """A namespace of several runs, of which each sees its own, as the shell shows it."""

    writes: int = 0

    def plan(self, name: str = "diabetes") -> Plan:
        shown = {
            key: thing
            for key, thing in self.objects.items()
            if key[0] in (*NAMESPACED, "Event")
            or (thing["metadata"].get("labels") or {}).get(LABEL_TRAINING_RUN) == name
        }
        answers: dict[Any, Any] = dict(self.answers)
        while True:
            seen = Seen(shown, answers, self.refusals)
            plan = plan_training_run(self.run(name), seen, now=self.now, settings=SETTINGS)
            new = [q for q in plan.questions if isinstance(q, Named) and q not in answers]
            if not new:
                return plan
            answers |= {
                question: self.objects.get((question.kind, question.name)) for question in new
            }

    def carry_out(self, plan: Plan) -> None:
        self.writes += 1
        super().carry_out(plan)

    def _collect_garbage(self, uid: str) -> None:
        for key, thing in list(self.objects.items()):
            owners = thing["metadata"].get("ownerReferences") or ()
            left = [owner for owner in owners if owner["uid"] != uid]
            if owners and not left:
                del self.objects[key]
            elif len(left) < len(owners):
                meta = {**thing["metadata"], "ownerReferences": left}
                self.objects[key] = {**thing, "metadata": meta}

    def delete_run(self, name: str) -> None:
        uid = self.objects.pop(("TrainingRun", name))["metadata"]["uid"]
        self._collect_garbage(uid)

    def job_of(self, run: str, part: str) -> Manifest:
        found = [n for k, n in self.made if k == "Job" and n.startswith(f"{run}-{part}-")]
        return self.objects["Job", found[-1]]

    def has_made(self, run: str, part: str) -> bool:
        return any(k == "Job" and n.startswith(f"{run}-{part}-") for k, n in self.made)

    def finish(self, run: str, part: str, said: Any = "") -> None:
        self.settle(run)
        job = self.job_of(run, part)
        self.add(an_ended_pod(job, said=said), ended_job(job))
        self.settle(run)

    def steps(self, run: str) -> dict[str, Any]:
        return {step["name"]: step for step in self.status(run)["steps"]}

    def states(self, run: str) -> list[str]:
        return [step["state"] for step in self.status(run)["steps"]]

    def caches(self) -> list[str]:
        return [name for kind, name in self.objects if kind == "ConfigMap" and "cache" in name]


def a_cached_run(name: str, *, cache: Any = None, train: Any = None, **spec: Any) -> Manifest:
    run = a_run(name=name, **spec)
    run["spec"]["steps"] = [
        {"name": "prepare", "outputs": ["data/"], "cache": cache or {}},
        {"name": "train", **(train or {})},
    ]
    return run


def after_one(**spec: Any) -> Namespace:
    """A namespace in which run `one` is through."""
    world = Namespace().add(a_cached_run("one", **spec))
    assert isinstance(world, Namespace)
    world.finish("one", "prepare")
    world.finish("one", "comal-seal-prepare", SEALED)
    world.finish("one", "train")
    assert conditions(world.status("one"))["Complete"] == ("True", "Completed")
    return world


def with_two(world: Namespace, **spec: Any) -> Namespace:
    world.add(a_cached_run("two", **spec))
    world.settle("two")
    return world


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
    world = with_two(after_one(), cache={"mode": "Off"})
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
