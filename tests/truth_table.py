"""What Ready, Reconciling, Stalled and Available say in each situation, and what kstatus and Argo
CD make of it: the table that GitOps tools go by, row by row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from serving_moments import (
    STEPS,
    after,
    back,
    baking,
    digest,
    first_is_broken,
    forget,
    from_run,
    once,
    refused_by_its_pods,
    rolling,
    serving,
    settled,
    version,
    wanting,
    without_pods,
)
from serving_world import ServingWorld

APPROVED_BY_HAND = [{"percent": "10", "approval": "Required"}, *STEPS[1:]]


def ask(world: ServingWorld, verb: str) -> ServingWorld:
    revision = world.status["candidate"]["revision"]
    asked = {"comal.dev/request": f"{verb}@{revision}#1", "comal.dev/requested-by": "alice"}
    world.mdep["metadata"]["annotations"] = asked
    return settled(world)


def without_routers(world: ServingWorld) -> ServingWorld:
    for pod in world.pods(component="router"):
        world.set_ready(pod, ready=False)
    return settled(world)


def wanting_another_digest(world: ServingWorld) -> ServingWorld:
    world.edit(model={"name": "diabetes", "version": "2", "digest": digest(9)})
    return settled(world)


def recovered(world: ServingWorld) -> ServingWorld:
    world.recover()
    return settled(world)


def suspended(world: ServingWorld) -> ServingWorld:
    world.edit(suspend=True)
    return settled(world)


def held() -> ServingWorld:
    world = serving(onFailure="Hold")
    world.broken[digest(2)] = ("DigestMismatch", "the blob is not what it says")
    return settled(world.add(version(2)))


def pointed_at_nothing() -> ServingWorld:
    world = serving()
    world.edit(model={"name": "diabetes", "version": "7"})
    return settled(world)


ABSENT = "absent"
NEW, ON = ("False", "True", ABSENT, "False"), ("False", "True", ABSENT, "True")
STEADY = ("True", ABSENT, ABSENT, "True")
STUCK_SERVING, STUCK = ("False", ABSENT, "True", "True"), ("False", ABSENT, "True", "False")


class Row(NamedTuple):
    """One situation: how it comes about, and what is said of it."""

    situation: str
    moment: Callable[[], ServingWorld]
    reason: str
    """Of Ready."""
    said: tuple[str, str, str, str]
    """Ready, Reconciling, Stalled, Available."""
    kstatus: str
    argo: str


ROWS = [
    Row(
        "first start",
        lambda: once(wanting(latest=True).add(version(1)), 3),
        "Deploying",
        NEW,
        "InProgress",
        "Progressing",
    ),
    Row(
        "a run that trains",
        from_run,
        "WaitingForTrainingRun",
        NEW,
        "InProgress",
        "Progressing",
    ),
    Row(
        "steady",
        serving,
        "Serving",
        STEADY,
        "Current",
        "Healthy",
    ),
    Row(
        "steady after a rollout",
        lambda: after(600, baking()),
        "Serving",
        STEADY,
        "Current",
        "Healthy",
    ),
    Row(
        "canary running",
        rolling,
        "Progressing",
        ON,
        "InProgress",
        "Progressing",
    ),
    Row(
        "baking",
        baking,
        "Baking",
        ON,
        "InProgress",
        "Progressing",
    ),
    Row(
        "waits for approval",
        lambda: rolling(steps=APPROVED_BY_HAND),
        "AwaitingApproval",
        ON,
        "InProgress",
        "Suspended",
    ),
    Row(
        "paused by a person",
        lambda: ask(rolling(), "pause"),
        "Paused",
        ON,
        "InProgress",
        "Suspended",
    ),
    Row(
        "paused in Git",
        lambda: rolling(paused=True),
        "Paused",
        ON,
        "InProgress",
        "Suspended",
    ),
    Row(
        "held for a failure",
        held,
        "Held",
        ON,
        "InProgress",
        "Suspended",
    ),
    Row(
        "candidate rejected",
        refused_by_its_pods,
        "RolledBack",
        STUCK_SERVING,
        "Failed",
        "Degraded",
    ),
    Row(
        "candidate aborted",
        lambda: ask(rolling(), "abort"),
        "RolledBack",
        STUCK_SERVING,
        "Failed",
        "Degraded",
    ),
    Row(
        "and Git reverted",
        lambda: back(refused_by_its_pods()),
        "Serving",
        STEADY,
        "Current",
        "Healthy",
    ),
    Row(
        "model not found",
        lambda: settled(wanting(latest=True)),
        "ModelNotFound",
        STUCK,
        "Failed",
        "Degraded",
    ),
    Row(
        "model not found, while one serves",
        pointed_at_nothing,
        "ModelNotFound",
        STUCK_SERVING,
        "Failed",
        "Degraded",
    ),
    Row(
        "digest mismatch",
        lambda: wanting_another_digest(serving().add(version(2))),
        "DigestMismatch",
        STUCK_SERVING,
        "Failed",
        "Degraded",
    ),
    Row(
        "digest mismatch of the very first",
        lambda: settled(wanting(version="1", digest=digest(9)).add(version(1))),
        "DigestMismatch",
        STUCK,
        "Failed",
        "Degraded",
    ),
    Row(
        "the first never starts",
        lambda: first_is_broken("DigestMismatch"),
        "DigestMismatch",
        STUCK,
        "Failed",
        "Degraded",
    ),
    Row(
        "all Pods gone later",
        lambda: without_pods(serving()),
        "Unavailable",
        NEW,
        "InProgress",
        "Degraded",
    ),
    Row(
        "all Pods gone in a rollout",
        lambda: without_pods(rolling()),
        "Unavailable",
        NEW,
        "InProgress",
        "Degraded",
    ),
    Row(
        "no router",
        lambda: without_routers(serving()),
        "Unavailable",
        NEW,
        "InProgress",
        "Degraded",
    ),
    Row(
        "and back",
        lambda: recovered(without_pods(serving())),
        "Serving",
        STEADY,
        "Current",
        "Healthy",
    ),
    Row(
        "suspended",
        lambda: suspended(serving()),
        "Suspended",
        ("True", ABSENT, ABSENT, "False"),
        "Current",
        "Suspended",
    ),
    Row(
        "suspended in a rollout",
        lambda: suspended(rolling()),
        "Suspended",
        NEW,
        "InProgress",
        "Suspended",
    ),
    Row(
        "its version is gone, what serves goes on",
        lambda: forget(rolling()),
        "Serving",
        STEADY,
        "Current",
        "Healthy",
    ),
]
