"""Two budgets: what a step does wrong, and what happens to it."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.core.plan import Create, Delete, Manifest, WriteStatus
from comal_operator.core.training.objects import job_name
from make import a_pod, a_registry, a_run, a_running_pod, an_ended_pod, ended_job
from training_moments import Moment, check_moment
from training_world import World, deeds

DISRUPTED = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
BY_POLICY = {
    "reason": "PodFailurePolicy",
    "message": "Pod team/p has condition DisruptionTarget matching FailJob rule at index 0",
}


def trying(*, failures: int = 0, interruptions: int = 20, **more: Any) -> World:
    """A run whose only step has its first Job."""
    retry = {"failures": failures, "interruptions": interruptions}
    world = World().add(a_run(steps=[{"name": "train", "retry": retry, **more}]))
    world.settle()
    return world


def fails(world: World, code: int = 1, times: int = 1) -> World:
    world.settle()
    for _ in range(times):
        world.end("train", code=code, said="it says why")
        if times > 1:
            world.settle()
            world.wait(minutes=6)
        world.settle()
    return world


def evicted(world: World, times: int = 1) -> World:
    for _ in range(times):
        job = world.job("train")
        pod = an_ended_pod(job, code=143)
        conditions = {"conditions": [{**DISRUPTED, "message": "evicted"}]}
        world.add({**pod, "status": {**pod["status"], **conditions}})
        world.add(ended_job(job, "Failed", BY_POLICY["message"], reason=BY_POLICY["reason"]))
        world.settle()
    return world


NO_COLUMN = '{"error": {"reason": "DataColumnsMissing", "message": "train.csv has no column age"}}'


def fatal(code: int = 64, said: str = "no such column") -> World:
    world = trying(failures=3)
    job = world.job("train")
    world.add(an_ended_pod(job, code=code, said=said))
    text = f"Container step for pod team/p failed with exit code {code} matching FailJob rule"
    return world.add(ended_job(job, "Failed", text, reason="PodFailurePolicy"))


def pod_fails(status: dict[str, Any] | None = None, **meta: Any) -> World:
    """A Job that fails beside its Pod, which has this status and metadata."""
    world = trying()
    job = world.job("train")
    pod = a_pod(job, **status) if status else an_ended_pod(job, code=143)
    world.add({**pod, "metadata": {**pod["metadata"], **meta}})
    return world.add(ended_job(job, "Failed", "reached the backoff limit", reason="Backoff"))


def terminated(code: int, at: str, reason: str = "Error") -> dict[str, Any]:
    state = {"terminated": {"exitCode": code, "finishedAt": at, "reason": reason, "message": "m"}}
    return {"phase": "Failed", "containerStatuses": [{"name": "step", "state": state}]}


def deleted(finished: str) -> World:
    """A Pod that somebody asked to go within 30 s at noon; its container ended at that time."""
    return pod_fails(
        terminated(143, finished),
        deletionTimestamp="2026-11-21T12:00:30Z",
        deletionGracePeriodSeconds=30,
    )


def continues(role: str) -> World:
    steps = [{"name": "train", "role": role, "continueOnFailure": True}, {"name": "evaluate"}]
    world = World().add(a_run(steps=steps, register={"model": "diabetes"}), a_registry())
    fails(world)
    world.end("evaluate")
    return world


FAILED = {"Stalled", "Failed"}
MOMENTS: dict[str, Moment] = {
    "a failure rests before it is tried again": (
        lambda: fails(trying(failures=1)),
        "Retrying",
        {"Reconciling"},
    ),
    "the budget of failures is used up": (
        lambda: fails(trying(failures=1), times=2),
        "StepFailed",
        FAILED,
    ),
    "a fatal exit code": (fatal, "FatalExitCode", FAILED),
    "data that a step refuses": (lambda: fatal(65, NO_COLUMN), "DataColumnsMissing", FAILED),
    "a reason that a step made up": (
        lambda: fatal(65, NO_COLUMN.replace("DataColumnsMissing", "Registered")),
        "FatalExitCode",
        FAILED,
    ),
    "an eviction waits for nothing": (lambda: evicted(trying()), "Running", {"Reconciling"}),
    "the budget of interruptions is used up": (
        lambda: evicted(trying(interruptions=1), times=2),
        "InterruptionsExhausted",
        FAILED,
    ),
    "an interruption is no failure": (
        lambda: fails(evicted(trying(failures=1))),
        "Retrying",
        {"Reconciling"},
    ),
    "a Pod deleted while it ran": (
        lambda: deleted("2026-11-21T12:00:05Z"),
        "Running",
        {"Reconciling"},
    ),
    "a Pod deleted after it had failed": (
        lambda: deleted("2026-11-21T11:59:00Z"),
        "StepFailed",
        FAILED,
    ),
    "a Pod that the kubelet refused": (
        lambda: pod_fails({"phase": "Failed", "reason": "OutOfcpu"}),
        "Running",
        {"Reconciling"},
    ),
    "a container that the runtime lost": (
        lambda: pod_fails(terminated(137, "2026-11-21T12:00:00Z", "ContainerStatusUnknown")),
        "Running",
        {"Reconciling"},
    ),
    "a Pod that is gone": (
        lambda: (world := trying()).add(ended_job(world.job("train"), "Failed")),
        "Running",
        {"Reconciling"},
    ),
    "a failed Train step that the run survives registers nothing": (
        lambda: continues("Train"),
        "Completed",
        {"Complete", "!Registered:Completed"},
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_moment(moment: str) -> None:
    check_moment(MOMENTS[moment])


def step(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.status()["steps"][0]
    return found


def test_refused_data_is_told_in_words_not_in_json() -> None:
    world = fatal(65, NO_COLUMN)
    world.settle()
    ready = next(c for c in world.status()["conditions"] if c["type"] == "Ready")
    assert ready["message"].endswith("it said last: train.csv has no column age")


def test_the_end_of_an_attempt_is_written_down_before_the_next_starts() -> None:
    world = trying()
    job = world.job("train")
    world.add(ended_job(job, "Failed", BY_POLICY["message"], reason=BY_POLICY["reason"]))

    first, *rest = deeds(world.plan())
    assert isinstance(first, WriteStatus)
    assert first.status["steps"][0]["interruptions"] == 1
    assert [deed.manifest["kind"] for deed in rest if isinstance(deed, Create)] == ["Job"]


def test_failures_rest_longer_each_time() -> None:
    world = trying(failures=8)
    rests = []
    for _ in range(7):
        job = world.job("train")
        world.add(an_ended_pod(job, code=1, said="m"))
        world.add(ended_job(job, "Failed", at=world.now.isoformat()))
        rest = world.settle().requeue_after
        assert rest is not None
        rests.append(rest.total_seconds())
        world.now += rest
        world.settle()
    assert rests == [10, 20, 40, 80, 160, 300, 300]


def test_the_next_attempt_waits_until_every_pod_of_the_last_is_gone() -> None:
    world = trying()
    job = world.job("train")
    world.add(a_running_pod(job))
    world.add(ended_job(job, "Failed", BY_POLICY["message"], reason=BY_POLICY["reason"]))
    world.settle()
    assert job_names(world) == [job["metadata"]["name"]]

    del world.objects["Pod", f"{job['metadata']['name']}-pod"]
    world.settle()
    assert len(job_names(world)) == 2


def test_a_step_knows_its_attempt_and_its_job_tries_nothing_twice() -> None:
    world = evicted(trying(), times=2)
    job = world.job("train")
    spec: Manifest = job["spec"]
    [container] = spec["template"]["spec"]["containers"]
    assert {"name": "COMAL_ATTEMPT", "value": "3"} in container["env"]
    assert job["metadata"]["labels"]["comal.dev/attempt"] == "3"
    assert (spec["backoffLimit"], spec["podReplacementPolicy"]) == (0, "Failed")
    disruption, codes = spec["podFailurePolicy"]["rules"]
    assert disruption["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert codes["onExitCodes"] == {"containerName": "step", "operator": "In", "values": [64, 65]}


def test_a_step_named_like_an_attempt_is_another_step() -> None:
    run = a_run("train", "train-2")
    assert job_name(run, "train", attempt=2) != job_name(run, "train-2")
    assert job_name(run, "train", attempt=1) == job_name(run, "train")


def test_a_job_that_somebody_deletes_is_made_again_under_its_number() -> None:
    world = evicted(trying())
    job = world.job("train")
    del world.objects["Job", job["metadata"]["name"]]
    world.settle()

    assert job_names(world).count(job["metadata"]["name"]) == 2
    assert (step(world)["attempts"], step(world)["interruptions"]) == (2, 1)


def test_the_status_tells_what_ran_where_and_what_went_wrong() -> None:
    world = trying(failures=1)
    world.add(a_running_pod(world.job("train"), node="gpu-3"))
    world.settle()
    assert step(world)["node"] == "gpu-3"
    assert step(world)["image"].endswith("b" * 64)

    fails(world, code=137).wait(minutes=1)
    world.settle()
    found = step(world)
    assert (found["attempts"], found["failures"], found["exitCode"]) == (2, 1, 137)
    assert found["reason"] == "StepFailed"
    assert found["logTail"] == "it says why"


def test_interruptions_of_all_steps_are_summed_up() -> None:
    assert evicted(trying(), times=3).status()["interruptions"] == 3


def test_the_message_says_which_budget_is_used_up() -> None:
    world = fails(trying(failures=1), code=3, times=2)
    text = world.status()["conditions"][0]["message"]
    assert text.startswith("step train exited with code 3 in attempt 2, failure 2")
    assert text.endswith("it said last: it says why")

    world = evicted(trying(interruptions=1), times=2)
    text = world.status()["conditions"][0]["message"]
    assert "interrupted: evicted" in text
    assert "interruption 2, one more than retry.interruptions" in text


def test_of_a_gang_the_first_to_fail_tells_why() -> None:
    world = trying()
    job = world.job("train")
    for name, code, at in (("a", 137, "12:00:09"), ("b", 3, "12:00:01")):
        pod = a_pod(job, **terminated(code, f"2026-11-21T{at}Z"))
        world.add({**pod, "metadata": {**pod["metadata"], "name": name}})
    world.add(ended_job(job, "Failed"))
    world.settle()
    assert step(world)["exitCode"] == 3


def test_a_lost_status_is_counted_again_from_the_jobs() -> None:
    world = evicted(trying(), times=2)
    run = dict(world.run())
    del run["status"]
    world.add(run)
    world.settle()
    assert (step(world)["attempts"], step(world)["interruptions"]) == (3, 2)


def test_steps_after_a_tolerated_failure_run_all_the_same() -> None:
    world = continues("Other")
    world.settle()
    states = {one["name"]: one["state"] for one in world.status()["steps"]}
    assert states == {"train": "Failed", "evaluate": "Succeeded"}
    assert any(name.startswith("diabetes-comal-collect-") for _, name in world.made)


def test_an_ended_job_is_kept_as_evidence() -> None:
    world = evicted(trying())
    assert not any(isinstance(action, Delete) for action in world.plan().actions)
    assert len([key for key in world.objects if key[0] == "Job"]) == 2


def job_names(world: World) -> list[str]:
    return [name for kind, name in world.made if kind == "Job"]
