"""Nodes: kept slim, heard of when it matters, and waking only whom they concern."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.shell.cache import Cache, ObjectKey
from comal_operator.shell.hearing import Hearing
from comal_operator.shell.kinds import KINDS
from comal_operator.shell.reports import Reports
from comal_operator.shell.world import World
from make import NOON, a_pod, a_registry, a_run, an_object

TOLD = {
    "kubernetes.azure.com/scalesetpriority": "spot",
    "topology.kubernetes.io/region": "westeurope",
}
RUN = ObjectKey("TrainingRun", "team", "diabetes")


def node(version: int, *, ready: str = "True", beat: str = "1", **meta: Any) -> dict[str, Any]:
    """Return a Node as the API server sends it."""
    said = {"type": "Ready", "status": ready, "lastHeartbeatTime": beat, "lastTransitionTime": "t"}
    memory = {"type": "MemoryPressure", "status": "False", "lastHeartbeatTime": beat}
    labels = {**TOLD, "kubernetes.io/hostname": "n"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": "node-1",
            "uid": "u",
            "resourceVersion": str(version),
            "labels": labels,
            **meta,
        },
        "spec": {"podCIDR": "10.0.0.0/24"},
        "status": {"conditions": [memory, said], "images": ["many"]},
    }


class Ear:
    """A cache with one run whose Pod is on node-1, and what is woken."""

    def __init__(self, phase: str = "Running") -> None:
        self.cache = Cache()
        self.woken: list[ObjectKey] = []
        # Nothing here reads live, so there is no gateway to ask.
        world = World(self.cache, None, KINDS, watch_nodes=True)  # type: ignore[arg-type]
        self.hear = Hearing(self.cache, world, Reports(lambda: NOON), self._wake)
        self.cache.hear(a_run())
        labels = {"comal.dev/training-run": "diabetes"}
        job = an_object("Job", "train", api="batch/v1")
        job["metadata"]["labels"] = labels
        self.cache.hear({**a_pod(job, phase=phase), "spec": {"nodeName": "node-1"}})
        self.world = world

    def _wake(self, key: ObjectKey, *, urgent: bool = False) -> None:
        assert urgent
        self.woken.append(key)

    def event(self, kind: str, body: dict[str, Any]) -> list[ObjectKey]:
        self.woken.clear()
        self.hear({"type": kind, "object": body})
        return list(self.woken)


def test_a_heartbeat_wakes_nobody_and_trouble_does() -> None:
    ear = Ear()
    assert ear.event("ADDED", node(1)) == [RUN]
    assert ear.event("MODIFIED", node(2, beat="2")) == []
    assert ear.event("MODIFIED", node(3, ready="Unknown")) == [RUN]
    assert ear.event("DELETED", node(4)) == [RUN]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_node_does_not_wake_whose_pod_is_over(phase: str) -> None:
    assert Ear(phase).event("DELETED", node(2)) == []


def test_the_run_sees_the_node_under_its_pod_and_no_more_of_it_than_it_needs() -> None:
    ear = Ear()
    ear.event("ADDED", node(1))
    view = ear.world.cached(RUN)
    assert view is not None
    seen = view.seen.get("Node", "node-1")
    assert seen is not None
    assert seen["metadata"]["labels"] == TOLD
    assert seen["status"]["conditions"] == [
        {"type": "Ready", "status": "True", "lastTransitionTime": "t"}
    ]
    assert "spec" not in seen


def test_a_registry_sees_the_node_under_its_pod() -> None:
    ear = Ear()
    registry = a_registry()
    ear.cache.hear(registry)
    owner = an_object("Deployment", "comal-registry-default", api="apps/v1")
    owner["metadata"]["labels"] = {"comal.dev/model-registry": "default"}
    ear.cache.hear({**a_pod(owner, phase="Running"), "spec": {"nodeName": "node-1"}})
    woken = ear.event("ADDED", node(1))
    assert ObjectKey("ModelRegistry", "team", "default") in woken
    view = ear.world.cached(ObjectKey("ModelRegistry", "team", "default"))
    assert view is not None
    assert view.seen.get("Node", "node-1") is not None
