"""What keeps a run from going on, and how it says so."""

from __future__ import annotations

import pytest

from comal_operator.core.plan import Create, EventsOf
from make import (
    a_run,
    a_waiting_pod,
    an_object,
    an_unplaced_pod,
    conditions,
    ended_job,
)
from training_moments import Moment, check_moment, training
from training_world import World


def pulls(reason: str) -> World:
    world = training()
    world.add(a_waiting_pod(world.job("train"), reason, "not found"))
    return world


def pulls_again() -> World:
    world = pulls("ImagePullBackOff")
    world.settle()
    world.add(a_waiting_pod(world.job("train"), "ErrImagePull", "other words"))
    return world


def no_class(event: tuple[str, str]) -> World:
    world = training(workspace={"storageClassName": "nope"})
    world.add(an_unplaced_pod(world.job("train"), "unbound claim"))
    claim = next(thing for (kind, _), thing in world.objects.items() if kind[:4] == "Pers")
    meta = claim["metadata"]
    world.answers[EventsOf(claim["kind"], meta["name"], meta["uid"])] = [event]
    return world


def no_pod(message: str) -> World:
    world = training()
    meta = world.job("train")["metadata"]
    world.answers[EventsOf("Job", meta["name"], meta["uid"])] = [("FailedCreate", message)]
    world.wait(seconds=10)
    return world


def not_mounted() -> World:
    world = training()
    pod = a_waiting_pod(world.job("train"), "ContainerCreating")
    meta = pod["metadata"]
    world.answers[EventsOf("Pod", meta["name"], meta["uid"])] = [("FailedMount", "no such secret")]
    world.add(pod).wait(seconds=30)
    return world


def refused(message: str) -> World:
    world = World().add(a_run())
    job = next(
        action.manifest for action in iter_creations(world) if action.manifest["kind"] == "Job"
    )
    world.refusals["Job", job["metadata"]["name"]] = message
    return world


def iter_creations(world: World) -> list[Create]:
    """Return every creation of a run's first pass, in a world that is then thrown away."""
    found, trial = [], world.copy()
    for _ in range(20):
        plan = trial.plan()
        if not plan.actions:
            break
        found += [action for action in plan.actions[:1] if isinstance(action, Create)]
        trial.carry_out(plan)
    return found


def squatted() -> World:
    world = World().add(a_run())
    job = next(a.manifest for a in iter_creations(world) if a.manifest["kind"] == "Job")
    spoof = an_object("Job", job["metadata"]["name"], api="batch/v1")
    return world.add(ended_job(spoof))


def existing_claim() -> World:
    return World().add(a_run(workspace={"existingClaim": "azure-managed-disk"}))


def broken() -> World:
    run = a_run()
    return World().add({**run, "spec": {"steps": "train"}})


MOMENTS: dict[str, Moment] = {
    "new: the Job is made and runs": (training, "Running", {"Reconciling"}),
    "the first failed pull may be the network": (
        lambda: pulls("ErrImagePull"),
        "ImagePullFailed",
        {"Reconciling"},
    ),
    "a pull that fails again takes a person": (
        lambda: pulls("ImagePullBackOff"),
        "ImagePullFailed",
        {"Stalled"},
    ),
    "the kubelet's turns do not flap": (pulls_again, "ImagePullFailed", {"Stalled"}),
    "an image name that is none": (
        lambda: pulls("InvalidImageName"),
        "ImagePullFailed",
        {"Stalled"},
    ),
    "a Secret key that is not there": (
        lambda: pulls("CreateContainerConfigError"),
        "ContainerConfigInvalid",
        {"Stalled"},
    ),
    "a StorageClass that is not there": (
        lambda: no_class(("ProvisioningFailed", 'storageclass "nope" not found')),
        "StorageClassNotFound",
        {"Stalled"},
    ),
    "no default StorageClass": (
        lambda: no_class(("FailedBinding", "no volumes and no storage class is set")),
        "StorageClassNotFound",
        {"Stalled"},
    ),
    "a volume that cannot be made yet": (
        lambda: no_class(("ProvisioningFailed", "the disk service is busy")),
        "Unschedulable",
        {"Reconciling"},
    ),
    "no node has room": (
        lambda: no_class(("WaitForFirstConsumer", "waiting")),
        "Unschedulable",
        {"Reconciling"},
    ),
    "the quota is used up": (
        lambda: no_pod("exceeded quota: compute"),
        "QuotaExceeded",
        {"Reconciling"},
    ),
    "Pod Security refuses the Pod": (
        lambda: no_pod("violates PodSecurity"),
        "PodRefused",
        {"Stalled"},
    ),
    "a volume that cannot be mounted": (not_mounted, "VolumeNotMounted", {"Reconciling"}),
    "the API server refuses the Job": (
        lambda: refused("limits must be at least requests"),
        "ChildRefused",
        {"Stalled"},
    ),
    "the quota of Jobs is used up": (
        lambda: refused("exceeded quota: jobs"),
        "QuotaExceeded",
        {"Reconciling"},
    ),
    "a user's own Complete Job in our Job's name": (squatted, "NameConflict", {"Stalled"}),
    "a body that does not parse": (broken, "SpecInvalid", {"Stalled"}),
    "an existing claim that does not exist yet": (
        existing_claim,
        "ClaimNotFound",
        {"Reconciling"},
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_moment(moment: str) -> None:
    check_moment(MOMENTS[moment])


def test_a_problem_heals() -> None:
    world = pulls("ImagePullBackOff")
    world.settle()
    world.end("train")
    world.settle()
    assert conditions(world.status()) == {
        "Ready": ("True", "Completed"),
        "Complete": ("True", "Completed"),
    }
