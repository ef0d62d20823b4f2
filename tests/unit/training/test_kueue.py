"""A run that names a queue: Kueue starts and stops the Jobs of its steps, nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.core.plan import Apply, Delete, Manifest, WorkloadOf
from make import a_pod, a_run, an_object, conditions
from training_world import World

KUEUE = "kueue.x-k8s.io/v1beta2"
PENDING = {
    "type": "QuotaReserved",
    "status": "False",
    "reason": "Pending",
    "message": "couldn't assign flavors to pod set main: insufficient quota for cpu",
}


def queued(*conditions: dict[str, Any], kueue: bool = True, **workload: Any) -> World:
    """A run in queue `team-a` whose Job is made and, if there are conditions, has a Workload."""
    world = World().add(a_run(queue="team-a"))
    world.settle()
    question = WorkloadOf(world.job("train")["metadata"]["uid"])
    if not kueue:
        world.answers[question] = None
    elif conditions or workload:
        status = {"conditions": list(conditions)}
        name = "job-train-12345"
        found = an_object("Workload", name, api=KUEUE, spec=workload or {}, status=status)
        world.answers[question] = (found,)
    return world


def admitted() -> World:
    """A run whose Job Kueue has started."""
    world = queued(active=True)
    job = world.job("train")
    world.add({**job, "spec": {**job["spec"], "suspend": False}})
    world.add(a_pod(world.job("train"), phase="Running"))
    world.settle()
    return world


def says(world: World, **spec: Any) -> None:
    world.objects["TrainingRun", "diabetes"] = {
        **world.run(),
        "spec": {**world.run()["spec"], **spec},
    }


def message(world: World) -> str:
    ready = next(c for c in world.status()["conditions"] if c["type"] == "Ready")
    return str(ready["message"])


def workload_writes(world: World) -> list[Manifest]:
    return [
        manifest
        for action in world.plan().actions
        if isinstance(action, Apply)
        for manifest in action.manifests
    ]


def test_a_job_is_in_its_queue_and_does_not_start_by_itself() -> None:
    job = queued().job("train")
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team-a"
    assert job["spec"]["suspend"] is True
    assert "kueue.x-k8s.io/queue-name" not in job["spec"]["template"]["metadata"]["labels"]


def test_a_run_without_a_queue_has_nothing_of_it() -> None:
    world = World().add(a_run())
    world.settle()
    assert "suspend" not in world.job("train")["spec"]


def test_waiting_is_told_in_kueues_words() -> None:
    world = queued(PENDING)
    plan = world.settle()
    assert conditions(world.status())["Ready"] == ("False", "WaitingInQueue")
    assert "step train waits in queue team-a: couldn't assign flavors" in message(world)
    assert plan.requeue_after is not None


@pytest.mark.parametrize(
    ("seconds", "words"), [(1, "has not looked at it yet"), (60, "has made no Workload")]
)
def test_a_job_without_a_workload_is_told_too(seconds: int, words: str) -> None:
    world = queued()
    world.wait(seconds=seconds)
    world.settle()
    assert words in message(world)


def test_a_workload_that_somebody_stopped_stays_so() -> None:
    world = queued(PENDING, active=False)
    world.settle()
    assert "is not active" in message(world)
    assert not workload_writes(world)


def test_admission_checks_are_named() -> None:
    world = queued({"type": "QuotaReserved", "status": "True"}, active=True)
    world.settle()
    assert "quota is reserved" in message(world)


def test_a_cluster_without_kueue_stalls_the_run_until_it_comes() -> None:
    world = queued(kueue=False)
    plan = world.settle()
    assert conditions(world.status())["Stalled"] == ("True", "KueueMissing")
    assert plan.requeue_after is not None
    world.answers[WorkloadOf(world.job("train")["metadata"]["uid"])] = ()
    world.settle()
    assert conditions(world.status())["Ready"] == ("False", "WaitingInQueue")


def test_admitted_the_step_runs_as_any_other() -> None:
    assert conditions(admitted().status())["Ready"] == ("False", "Running")


def test_a_suspended_run_tells_kueue_and_leaves_the_job() -> None:
    world = admitted()
    says(world, suspend=True)
    assert [one["spec"] for one in workload_writes(world)] == [{"active": False}]
    assert not [a for a in world.plan().actions if isinstance(a, Delete)]
    _set_active(world, active=False)
    world.settle()
    assert conditions(world.status())["Suspended"][0] == "True"
    assert ("Job", world.job("train")["metadata"]["name"]) in world.objects


def test_a_run_that_goes_on_tells_kueue_once() -> None:
    world = admitted()
    says(world, suspend=True)
    _set_active(world, active=False)
    world.settle()
    says(world, suspend=False)
    assert [one["spec"] for one in workload_writes(world)] == [{"active": True}]
    _set_active(world, active=True)
    world.settle()
    assert conditions(world.status())["Ready"] == ("False", "Running")
    _set_active(world, active=False)
    assert not workload_writes(world)


def test_a_job_that_kueue_never_saw_is_made_again_later() -> None:
    world = queued()
    says(world, suspend=True)
    world.settle()
    assert not [key for key in world.objects if key[0] == "Job"]
    says(world, suspend=False)
    world.settle()
    assert world.job("train")["spec"]["suspend"] is True


def test_a_job_that_kueue_takes_back_waits_and_costs_no_attempt() -> None:
    world = admitted()
    job = world.job("train")
    world.add({**job, "spec": {**job["spec"], "suspend": True}})
    del world.objects["Pod", f"{job['metadata']['name']}-pod"]
    world.settle()
    assert conditions(world.status())["Ready"] == ("False", "WaitingInQueue")
    assert world.status()["steps"][0]["attempts"] == 1
    assert "interruptions" not in world.status()["steps"][0]


def test_nobody_ever_writes_the_jobs_suspend() -> None:
    world = queued(PENDING)
    before = dict(world.job("train"))
    for suspend in (True, False):
        says(world, suspend=suspend)
        writes = workload_writes(world)
        assert all(one["kind"] == "Workload" for one in writes)
    assert world.job("train") == before


def _set_active(world: World, *, active: bool) -> None:
    question = WorkloadOf(world.job("train")["metadata"]["uid"])
    (one,) = world.answers[question]
    world.answers[question] = ({**one, "spec": {**one["spec"], "active": active}},)
