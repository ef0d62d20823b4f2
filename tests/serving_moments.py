"""Moments in the life of a ModelDeployment: how each comes about, in words."""

from __future__ import annotations

from typing import Any

from make import a_run, a_version, an_object
from serving_world import ServingWorld, an_endpoint

STEPS = [{"percent": "10", "for": "60s"}, {"percent": "50", "for": "60s"}]


def digest(number: int) -> str:
    return "sha256:" + f"{number:x}" * 64


def version(number: int, **spec: Any) -> dict[str, Any]:
    return a_version(number, digest=digest(number), **spec)


def wanting(**model: Any) -> ServingWorld:
    """A ModelDeployment of `diabetes` that nobody has looked at."""
    return ServingWorld().add(an_endpoint(model={"name": "diabetes", **model}))


def serving(**rollout: Any) -> ServingWorld:
    """Version 1 serves; every newer one would take over by steps."""
    rollout = {"steps": STEPS, "bake": "5m", **rollout}
    world = ServingWorld().add(an_endpoint(rollout=rollout), version(1))
    world.settle()
    return world


def rolling(**rollout: Any) -> ServingWorld:
    """Version 2 has its first share."""
    world = serving(**rollout).add(version(2))
    world.settle()
    return world


def baking() -> ServingWorld:
    world = rolling()
    world.settle(130)
    return world


def refused_by_its_pods(reason: str = "DigestMismatch") -> ServingWorld:
    world = serving()
    world.broken[digest(2)] = (reason, "the blob is not what it says")
    world.add(version(2))
    world.settle()
    return world


def back(world: ServingWorld) -> ServingWorld:
    world.edit(model={"name": "diabetes", "version": "1"})
    world.settle()
    return world


def without_pods(world: ServingWorld) -> ServingWorld:
    for pod in world.pods():
        world.set_ready(pod, ready=False)
    world.settle()
    return world


def first_is_broken(reason: str) -> ServingWorld:
    world = ServingWorld().add(an_endpoint(), version(1))
    world.broken[digest(1)] = (reason, "no")
    world.settle()
    return world


def after(seconds: float, world: ServingWorld) -> ServingWorld:
    world.settle(seconds)
    return world


def settled(world: ServingWorld) -> ServingWorld:
    world.settle()
    return world


def from_run(**status: Any) -> ServingWorld:
    run = a_run("train", name="alpha", register={"model": "diabetes"})
    run["status"] = {"conditions": [], **status}
    return settled(wanting(trainingRun="alpha").add(run))


def ended(kind: str, **status: Any) -> ServingWorld:
    said = [
        {"type": kind, "status": "True", "reason": "X", "message": "3359.07 is not below 3295.71"},
        {"type": "GatePassed", "status": "False", "reason": "X", "message": "3359.07"},
    ]
    return from_run(conditions=said, **status)


def a_stranger(kind: str, name: str, api: str = "v1") -> ServingWorld:
    stranger = an_object(kind, name, api=api, spec={"selector": {"app": "other"}})
    return settled(ServingWorld().add(an_endpoint(), version(1), stranger))


def refusing() -> ServingWorld:
    world = ServingWorld().add(an_endpoint(), version(1))
    world.refusals["Service", "diabetes"] = "exceeded quota"
    world.settle()
    return world


def scaled(replicas: int) -> ServingWorld:
    world = serving()
    world.edit(replicas=replicas)
    world.look()
    return world


def once(world: ServingWorld, times: int) -> ServingWorld:
    for _ in range(times):
        world.step()
    world.step()
    return world


def forget(world: ServingWorld) -> ServingWorld:
    world.objects.pop(("ModelVersion", "diabetes-v2"))
    return settled(world)


def course(world: ServingWorld) -> str:
    ready = world.condition("Ready")
    going, stalled = world.condition("Reconciling"), world.condition("Stalled")
    assert [ready["status"], going["status"], stalled["status"]].count("True") == 1
    word = {"True": "Ready"}.get(ready["status"]) or (
        "Going" if going["status"] == "True" else "Stalled"
    )
    return f"{word} {ready['reason']}"


def revisions(world: ServingWorld) -> str:
    found = [
        world.status.get(role, {}).get("modelVersion", "").removeprefix("diabetes-v")
        for role in ("stable", "candidate")
    ]
    return f"{found[0] or '-'}/{found[1]}".removesuffix("/")
