"""What Ready, Reconciling, Stalled and Available say in each situation, and what kstatus makes of
it: the table that GitOps tools go by, row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

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


def kstatus(obj: Mapping[str, Any]) -> str:
    """Return what kubernetes-sigs/cli-utils computes, in its order."""
    status = obj.get("status") or {}
    said = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    if "deletionTimestamp" in obj["metadata"]:
        return "Terminating"
    if status.get("observedGeneration") != obj["metadata"]["generation"]:
        return "InProgress"
    if said.get("Reconciling") == "True":
        return "InProgress"
    if said.get("Stalled") == "True":
        return "Failed"
    return "Current" if said.get("Ready") == "True" else "InProgress"


ABSENT = "absent"
NEW, ON = ("False", "True", ABSENT, "False"), ("False", "True", ABSENT, "True")
STEADY = ("True", ABSENT, ABSENT, "True")
STUCK_SERVING, STUCK = ("False", ABSENT, "True", "True"), ("False", ABSENT, "True", "False")
Row = tuple[str, Callable[[], ServingWorld], str, tuple[str, str, str, str], str]

# The situation, how it comes about, the reason of Ready, (Ready, Reconciling, Stalled, Available).
ROWS: list[Row] = [
    (
        "first start",
        lambda: once(wanting(latest=True).add(version(1)), 3),
        "Deploying",
        NEW,
        "InProgress",
    ),
    ("a run that trains", from_run, "WaitingForTrainingRun", NEW, "InProgress"),
    ("steady", serving, "Serving", STEADY, "Current"),
    ("steady after a rollout", lambda: after(600, baking()), "Serving", STEADY, "Current"),
    ("canary running", rolling, "Progressing", ON, "InProgress"),
    ("baking", baking, "Baking", ON, "InProgress"),
    (
        "waits for approval",
        lambda: rolling(steps=APPROVED_BY_HAND),
        "AwaitingApproval",
        ON,
        "InProgress",
    ),
    ("paused by a person", lambda: ask(rolling(), "pause"), "Paused", ON, "InProgress"),
    ("paused in Git", lambda: rolling(paused=True), "Paused", ON, "InProgress"),
    (
        "held for a failure",
        held,
        "Held",
        ON,
        "InProgress",
    ),
    ("candidate rejected", refused_by_its_pods, "RolledBack", STUCK_SERVING, "Failed"),
    ("candidate aborted", lambda: ask(rolling(), "abort"), "RolledBack", STUCK_SERVING, "Failed"),
    ("and Git reverted", lambda: back(refused_by_its_pods()), "Serving", STEADY, "Current"),
    ("model not found", lambda: settled(wanting(latest=True)), "ModelNotFound", STUCK, "Failed"),
    (
        "model not found, while one serves",
        pointed_at_nothing,
        "ModelNotFound",
        STUCK_SERVING,
        "Failed",
    ),
    (
        "digest mismatch",
        lambda: wanting_another_digest(serving().add(version(2))),
        "DigestMismatch",
        STUCK_SERVING,
        "Failed",
    ),
    (
        "digest mismatch of the very first",
        lambda: settled(wanting(version="1", digest=digest(9)).add(version(1))),
        "DigestMismatch",
        STUCK,
        "Failed",
    ),
    (
        "the first never starts",
        lambda: first_is_broken("DigestMismatch"),
        "DigestMismatch",
        STUCK,
        "Failed",
    ),
    ("all Pods gone later", lambda: without_pods(serving()), "Unavailable", NEW, "InProgress"),
    (
        "all Pods gone in a rollout",
        lambda: without_pods(rolling()),
        "Unavailable",
        NEW,
        "InProgress",
    ),
    ("no router", lambda: without_routers(serving()), "Unavailable", NEW, "InProgress"),
    (
        "and back",
        lambda: recovered(without_pods(serving())),
        "Serving",
        STEADY,
        "Current",
    ),
    (
        "suspended",
        lambda: suspended(serving()),
        "Suspended",
        ("True", ABSENT, ABSENT, "False"),
        "Current",
    ),
    (
        "suspended in a rollout",
        lambda: suspended(rolling()),
        "Suspended",
        NEW,
        "InProgress",
    ),
    (
        "its version is gone, what serves goes on",
        lambda: forget(rolling()),
        "Serving",
        STEADY,
        "Current",
    ),
]


@pytest.mark.parametrize(
    ("moment", "reason", "said", "computed"),
    [pytest.param(*row[1:], id=row[0]) for row in ROWS],
)
def test_the_truth_table(
    moment: Callable[[], ServingWorld],
    reason: str,
    said: tuple[str, str, str, str],
    computed: str,
) -> None:
    world = moment()
    kinds = ("Ready", "Reconciling", "Stalled", "Available")
    assert tuple(world.condition(kind)["status"] for kind in kinds) == said
    assert world.condition("Ready")["reason"] == reason
    assert kstatus(world.mdep) == computed
    for kind in ("Reconciling", "Stalled"):
        condition = world.condition(kind)
        same = condition["status"] == ABSENT or condition["reason"] == reason
        assert same, f"{kind} gives another reason than Ready"
    for condition in world.status["conditions"]:
        assert condition["observedGeneration"] == world.mdep["metadata"]["generation"]
        assert condition["message"], f"{condition['type']} says nothing"


def test_nobody_has_looked_yet() -> None:
    assert kstatus(wanting(latest=True).mdep) == "InProgress"
