"""Moments of a step that only writes files: a container beside it tells how far it is."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.core.plan import Manifest, StepProgress
from comal_trainer.contract.progress import PROGRESS_TOKEN_DIR, PROGRESS_URL_ENV
from make import SETTINGS, a_pod, a_run, a_running_pod, conditions
from training_moments import Moment, check_moment
from training_world import World


def world_of(progress: str = "File", **step: Any) -> World:
    """A run of one step that is followed by its files, with its Job."""
    world = World().add(a_run(steps=[{"name": "fit", "progress": {"from": progress}, **step}]))
    world.settle()
    return world


def pod_spec(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.job("fit")["spec"]["template"]["spec"]
    return found


def volumes(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["mountPath"] for one in container["volumeMounts"]}


def variables(container: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in container["env"]}


def test_a_container_beside_it_has_the_address_and_the_token_alone() -> None:
    spec = pod_spec(world_of())
    (step,), (beside,) = spec["containers"], spec["initContainers"]
    # What makes it a sidecar: it starts first, and ends with the step.
    assert beside["restartPolicy"] == "Always"
    assert beside["image"] == SETTINGS.trainer_image
    assert beside["args"] == ["follow"]
    assert beside["securityContext"] == step["securityContext"]
    assert volumes(beside)["progress-token"] == PROGRESS_TOKEN_DIR
    assert variables(beside)[PROGRESS_URL_ENV].startswith("http://comal-operator-progress.")
    assert variables(beside)["COMAL_STEP"] == "fit"
    mounts = {one["name"]: one.get("readOnly") for one in beside["volumeMounts"]}
    assert mounts == {"workspace": True, "progress-token": True}

    assert "progress-token" not in volumes(step)
    assert PROGRESS_URL_ENV not in variables(step)


@pytest.mark.parametrize("progress", [{}, {"progress": {"from": "Post"}}])
def test_a_step_that_posts_has_nothing_beside_it(progress: dict[str, Any]) -> None:
    world = World().add(a_run(steps=[{"name": "fit", **progress}]))
    world.settle()
    spec = pod_spec(world)
    assert "initContainers" not in spec
    assert "progress-token" in volumes(spec["containers"][0])


BESIDE = {"name": "follow", "state": {"running": {"startedAt": "2026-11-21T12:00:00Z"}}}
CRASHED = {
    "name": "follow",
    "restartCount": 9,
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
    "lastState": {"terminated": {"exitCode": 64, "reason": "OOMKilled"}},
}


def beside(pod: Manifest, status: dict[str, Any]) -> dict[str, Any]:
    return {**pod, "status": {**pod["status"], "initContainerStatuses": [status]}}


def starting(reason: str) -> World:
    """The container beside the step does not start, so the step's own waits."""
    world = world_of()
    waits = {"name": "step", "state": {"waiting": {"reason": "PodInitializing"}}}
    pod = a_pod(world.job("fit"), phase="Pending", containerStatuses=[waits])
    held = {"name": "follow", "state": {"waiting": {"reason": reason, "message": "no such image"}}}
    return world.add(beside(pod, held))


def crashing() -> World:
    world = world_of()
    return world.add(beside(a_running_pod(world.job("fit")), CRASHED))


def lingering() -> World:
    """The step has ended well; what is beside it has not, or ended badly: that is nobody's end."""
    world = world_of()
    world.end("fit")
    key = ("Pod", f"{world.job('fit')['metadata']['name']}-pod")
    killed = {"name": "follow", "state": {"terminated": {"exitCode": 137}}}
    return world.add(beside(world.objects[key], killed))


def silent() -> World:
    world = world_of(timeouts={"stall": "5m"})
    world.add(beside(a_running_pod(world.job("fit")), BESIDE))
    for question in world.plan().questions:
        world.answers[question] = None
    world.wait(minutes=6)
    for _ in range(4):
        for question in world.plan().questions:
            world.answers.setdefault(question, None)
    return world


MOMENTS: dict[str, Moment] = {
    "its image cannot be pulled": (
        lambda: starting("ImagePullBackOff"),
        "ImagePullFailed",
        {"Stalled"},
    ),
    "it crashes, and the step goes on": (crashing, "Running", {"Reconciling"}),
    "it ends badly after the step": (lingering, "Completed", {"Complete"}),
    "it repeats nothing while the step is silent": (silent, "StepStalled", {"Failed", "Stalled"}),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_moment(moment: str) -> None:
    check_moment(MOMENTS[moment])


def test_what_it_says_is_asked_of_the_steps_pod() -> None:
    world = world_of()
    pod = beside(a_running_pod(world.job("fit")), BESIDE)
    world.add(pod)
    assert StepProgress(pod["metadata"]["uid"]) in world.plan().questions
    assert conditions(world.status())["Ready"] == ("False", "Running")
