"""Nodes that vanish without a drain: the step starts anew at once, on another node."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from comal_operator.core.plan import Create, Delete, WriteStatus
from comal_operator.core.presets import NodeChoice, Preset
from make import NOON_TEXT, SETTINGS, a_gated_run, a_node, a_registry, a_run, a_running_pod
from training_moments import Moment, check_moment
from training_world import World

SPOT = {"kubernetes.azure.com/scalesetpriority": "spot"}
PRESETS = {
    "aks-spot": Preset(spot=NodeChoice(node_selector=SPOT)),
    "aks-gpu": Preset(node_selector={"sku": "gpu"}, limits={"nvidia.com/gpu": 1}),
}
WATCHING = replace(SETTINGS, watch_nodes=True, presets=PRESETS)


def on_a_node(*, watch: bool = True, there: bool = True, **node: Any) -> World:
    """A run whose only step runs on a node."""
    world = World(settings=WATCHING if watch else SETTINGS).add(a_run())
    world.settle()
    world.add(a_node(), a_running_pod(world.job("train")))
    world.settle()
    del world.objects["Node", "node-1"]
    return world.add(a_node(**node)) if there else world


def not_ready(seconds: int, *, spot: bool = True, ready: str = "Unknown") -> World:
    return on_a_node(ready=ready, spot=spot).wait(seconds=seconds)


def terminating(seconds: int, ready: str = "Unknown") -> World:
    """A Pod that was to be gone at noon."""
    world = on_a_node(ready=ready)
    key = next(key for key in world.objects if key[0] == "Pod")
    pod = world.objects[key]
    going = {"deletionTimestamp": NOON_TEXT, "deletionGracePeriodSeconds": 30}
    world.objects[key] = {**pod, "metadata": {**pod["metadata"], **going}}
    return world.wait(seconds=seconds)


def attempts(world: World) -> int:
    world.settle()
    return int(world.status()["steps"][0]["attempts"])


MOMENTS: dict[str, Moment] = {
    "a node that works": (on_a_node, "Running", {"Reconciling"}),
    "a node that is gone": (lambda: on_a_node(there=False), "Running", {"Reconciling"}),
    "a preset that nobody defines": (
        lambda: World(settings=WATCHING).add(placed("aks-spto")),
        "PresetUnknown",
        {"Stalled"},
    ),
}


def placed(preset: str, **step: Any) -> dict[str, Any]:
    placement = {"preset": preset, "onDemandAfter": 2, "nodeSelector": {"disk": "fast"}}
    return a_run(steps=[{"name": "train", "placement": placement, **step}])


@pytest.mark.parametrize("moment", MOMENTS)
def test_moment(moment: str) -> None:
    check_moment(MOMENTS[moment])


@pytest.mark.parametrize(
    ("world", "wanted"),
    [
        (on_a_node, 1),
        (lambda: on_a_node(there=False), 2),
        # Where Nodes may not be watched, their absence tells nothing.
        (lambda: on_a_node(watch=False, there=False), 1),
        (lambda: not_ready(9), 1),
        (lambda: not_ready(11), 2),
        (lambda: not_ready(11, ready="False"), 2),
        # It may only be rebooting; its own controllers give up on it in time.
        (lambda: not_ready(400, spot=False), 1),
        (lambda: terminating(3), 1),
        (lambda: terminating(6), 2),
        # A kubelet that works ends its Pods itself, however long that takes.
        (lambda: terminating(400, ready="True"), 1),
    ],
)
def test_which_pods_are_lost(world: Any, wanted: int) -> None:
    assert attempts(world()) == wanted


def test_a_lost_pod_is_forgotten_in_order() -> None:
    world = on_a_node(there=False)
    done = []
    while actions := world.plan().actions:
        world.carry_out(world.plan())
        done.append(actions[0])
    _event, latched, job, pod, again = done[:5]
    assert isinstance(latched, WriteStatus)
    assert latched.status["steps"][0]["reason"] == "NodeLost"
    assert isinstance(job, Delete)
    assert job.ref.kind == "Job"
    assert isinstance(pod, Delete)
    assert (pod.ref.kind, pod.grace_seconds) == ("Pod", 0)
    assert isinstance(again, Create)


def test_a_lost_pod_of_the_operators_own_job_is_left_to_that_job() -> None:
    world = World(settings=WATCHING).add(a_gated_run(), a_registry())
    world.register_everything(upto="train")
    world.settle()
    job = world.job("comal-collect")
    world.add(a_running_pod(job, node="gone"))

    [action] = world.plan().actions
    assert isinstance(action, Delete)
    assert (action.ref.kind, action.grace_seconds) == ("Pod", 0)


def test_an_operator_killed_between_any_two_of_these_goes_on() -> None:
    # Each plan carries out its first action only: that is a kill after every write.
    world = on_a_node(there=False)
    world.settle()
    assert world.status()["interruptions"] == 1
    assert len([name for kind, name in world.made if kind == "Job"]) == 2


def test_a_look_comes_when_the_patience_is_over() -> None:
    world = not_ready(4)
    left = world.settle().requeue_after
    assert left is not None
    assert left.total_seconds() == 6


def test_a_pod_that_is_already_forced_is_only_waited_for() -> None:
    world = on_a_node(there=False)
    for _ in range(2):
        world.carry_out(world.plan())
    key = next(key for key in world.objects if key[0] == "Pod")
    pod = world.objects[key]
    forced = {"deletionTimestamp": NOON_TEXT, "deletionGracePeriodSeconds": 0}
    world.objects[key] = {**pod, "metadata": {**pod["metadata"], **forced}}
    world.settle()
    assert len([name for kind, name in world.made if kind == "Job"]) == 1


def test_after_enough_interruptions_the_next_attempt_leaves_spot_nodes() -> None:
    world = World(settings=WATCHING).add(placed("aks-spot"))
    selectors = []
    for _ in range(3):
        world.settle()
        job = world.job("train")
        selectors.append(job["spec"]["template"]["spec"]["nodeSelector"])
        world.add(a_running_pod(job))
    spot = {**SPOT, "disk": "fast"}
    assert selectors == [spot, spot, {"disk": "fast"}]


@pytest.mark.parametrize(
    ("resources", "wanted"),
    [
        (None, {"limits": {"nvidia.com/gpu": 1}}),
        (
            {"requests": {"cpu": 1}, "limits": {"nvidia.com/gpu": 2}},
            {"requests": {"cpu": 1}, "limits": {"nvidia.com/gpu": 2}},
        ),
    ],
)
def test_a_gpu_preset_asks_for_a_gpu_where_the_step_names_none(resources: Any, wanted: Any) -> None:
    more = {"resources": resources} if resources else {}
    world = World(settings=WATCHING).add(placed("aks-gpu", **more))
    world.settle()
    pod = world.job("train")["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"] == wanted
    assert pod["nodeSelector"] == {"sku": "gpu", "disk": "fast"}


def test_an_unknown_preset_names_those_there_are_and_heals() -> None:
    world = World(settings=SETTINGS).add(placed("aks-spot"))
    world.settle()
    text = world.status()["conditions"][0]["message"]
    assert "placement.preset aks-spot is not defined here (there are: none)" in text

    world.settings = WATCHING
    world.settle()
    assert world.job("train")
