"""What the cache keeps of an object, and by what it finds it again."""

from __future__ import annotations

import json
from typing import Any

from comal_operator.core.names import LABEL_TRAINING_RUN
from comal_operator.shell.cache import Cache, ObjectKey
from comal_operator.shell.facts import about, on_node, owned_by
from comal_operator.shell.kinds import KINDS
from comal_operator.shell.packing import Packing
from comal_operator.shell.world import World
from make import a_pod, a_registry, a_run, a_version, an_object


def child(kind: str, name: str, run: str, version: int = 1) -> dict[str, Any]:
    body = an_object(kind, name)
    body["metadata"] |= {"labels": {LABEL_TRAINING_RUN: run}, "resourceVersion": str(version)}
    return body


def world_of(cache: Cache) -> World:
    # Nothing here reads live, so there is no gateway to ask.
    return World(cache, None, KINDS)  # type: ignore[arg-type]


def test_what_was_packed_comes_out_again() -> None:
    packing = Packing()
    bodies = [a_run(name=f"run-{number}", image="ümläut/train:1") for number in range(3)]
    bodies.append(a_run(name="other", workspace={"size": "1Gi" * 20_000}))
    packed = [packing.pack(body) for body in bodies]
    assert [packing.unpack("TrainingRun", one) for one in packed] == bodies


def test_a_long_first_body_is_no_hindrance() -> None:
    packing = Packing()
    long = {"kind": "ConfigMap", "data": {str(n): f"{n * 7919:x}" for n in range(20_000)}}
    for body in (long, {"kind": "ConfigMap", "data": {}}):
        assert packing.unpack("ConfigMap", packing.pack(body)) == body


def test_an_object_that_is_like_the_first_takes_few_bytes() -> None:
    packing = Packing()
    sizes = [len(packing.pack(a_run(name=f"run-{number}"))) for number in range(10)]
    assert max(sizes) < len(json.dumps(a_run())) / 4


def test_the_answer_is_the_callers_own() -> None:
    cache = Cache()
    cache.put(a_run())
    key = ObjectKey.of(a_run())
    first: Any = cache.get(key)
    first["spec"].clear()
    assert cache.get(key) == a_run()


def test_a_child_is_found_by_its_owner_until_it_goes_or_moves() -> None:
    cache = Cache()
    mine, theirs = (owned_by(LABEL_TRAINING_RUN, "team", name) for name in ("one", "two"))
    cache.put(child("Job", "train", "one"))
    cache.put(child("ConfigMap", "words", "one"))
    assert {key.name for key in cache.found_by(mine)} == {"train", "words"}
    cache.put(child("Job", "train", "two", version=2))
    assert {key.name for key in cache.found_by(mine)} == {"words"}
    assert {key.name for key in cache.found_by(theirs)} == {"train"}
    cache.drop(ObjectKey("Job", "team", "train"))
    cache.hear_deleted(child("ConfigMap", "words", "one", version=3))
    assert not cache.found_by(mine)
    assert not cache.found_by(theirs)


def test_a_pod_is_found_by_its_node_while_it_may_run() -> None:
    cache = Cache()
    job = child("Job", "train", "one")
    pod = {**a_pod(job, phase="Running"), "spec": {"nodeName": "n"}}
    cache.put(pod)
    assert [key.kind for key in cache.found_by(on_node("n"))] == ["Pod"]
    cache.put({**pod, "status": {"phase": "Succeeded"}})
    assert not cache.found_by(on_node("n"))


def test_a_view_stays_as_it_was_when_it_was_taken() -> None:
    cache = Cache()
    cache.put(a_run())
    cache.put(child("Job", "train", "diabetes"))
    cache.put(child("Job", "stranger", "other"))
    view = world_of(cache).cached(ObjectKey.of(a_run()))
    assert view is not None
    cache.drop(ObjectKey("Job", "team", "train"))
    assert [job["metadata"]["name"] for job in view.seen.all("Job")] == ["train"]


def test_a_version_wakes_whom_its_model_concerns() -> None:
    cache = Cache()
    registering = a_run(name="mine", register={"model": "diabetes"})
    for run in (registering, a_run(name="none"), a_run(name="other", register={"model": "x"})):
        cache.put(run)
    cache.put(a_registry())
    woken = {key.name for key in world_of(cache).woken_by(a_version(1)) if "Run" in key.kind}
    assert woken == {"mine", "none"}
    assert len(cache.found_by(about("x", "team"))) == 1


def test_a_registry_wakes_every_run_of_its_namespace() -> None:
    cache = Cache()
    cache.put(a_run(name="mine", register={"model": "diabetes"}))
    elsewhere = a_run(name="far")
    elsewhere["metadata"]["namespace"] = "elsewhere"
    cache.put(elsewhere)
    woken = {key.name for key in world_of(cache).woken_by(a_registry()) if "Run" in key.kind}
    assert woken == {"mine"}
