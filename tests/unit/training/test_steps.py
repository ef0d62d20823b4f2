"""Steps in their order: how they start, end and fail."""

from __future__ import annotations

import pytest

from comal_operator.core.plan import Create, LogTail, WriteStatus
from make import (
    a_run,
    a_waiting_pod,
    ended_job,
)
from training_moments import Moment, check_moment, training
from training_world import World


def fails(code: int, said: str) -> World:
    world = training()
    world.end("train", code=code, said=said)
    return world


def node_gone() -> World:
    world = training()
    return world.add(ended_job(world.job("train"), "Failed", "Job has reached the backoff limit"))


def lost_workspace() -> World:
    world = World().add(a_run("prepare", "train"))
    world.settle()
    world.end("prepare")
    world.settle()
    for key in [k for k in world.objects if k[0] in ("PersistentVolumeClaim", "Job", "Pod")]:
        del world.objects[key]
    return world


def reported_steps() -> World:
    world = training()
    world.end("train")
    return world


MOMENTS: dict[str, Moment] = {
    "a step fails": (
        lambda: fails(3, "division by zero"),
        "StepFailed",
        {"Stalled", "Failed"},
    ),
    "a step's Pod is gone with its node": (node_gone, "Running", {"Reconciling"}),
    "the workspace is gone after a step": (
        lost_workspace,
        "WorkspaceLost",
        {"Stalled", "Failed"},
    ),
    "no gate and no register: steps are all": (
        reported_steps,
        "Completed",
        {"Complete"},
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_moment(moment: str) -> None:
    check_moment(MOMENTS[moment])


def test_a_failed_step_says_its_last_lines() -> None:
    world = fails(3, "about to divide\ndivision by zero")
    world.settle()

    ready = world.status()["conditions"][0]
    assert "exited with code 3" in ready["message"]
    assert "division by zero" in ready["message"]
    assert world.status()["steps"][0]["exitCode"] == 3


def test_the_log_is_asked_for_when_the_container_said_nothing() -> None:
    world = fails(1, "")
    plan = world.plan()
    assert plan.actions == ()
    [question] = plan.questions
    assert isinstance(question, LogTail)

    world.answers[question] = "Traceback\nValueError: no"
    world.settle()
    assert "ValueError: no" in world.status()["conditions"][0]["message"]


def test_what_ended_is_written_down_before_the_next_step_starts() -> None:
    world = World().add(a_run("prepare", "train"))
    world.settle()
    world.end("prepare")

    first = world.plan().actions[0]
    assert isinstance(first, WriteStatus)
    assert first.status["steps"][0]["state"] == "Succeeded"


def test_a_finished_step_whose_job_is_deleted_never_trains_again() -> None:
    world = World().add(a_run("prepare", "train"))
    world.settle()
    world.end("prepare")
    world.settle()
    gone = world.job("prepare")
    world.end("train", code=0)
    for key in [("Job", gone["metadata"]["name"]), ("Pod", f"{gone['metadata']['name']}-pod")]:
        del world.objects[key]
    world.settle()

    assert world.made.count(("Job", gone["metadata"]["name"])) == 1


def test_a_job_deleted_while_it_runs_is_made_again_once_its_pod_is_gone() -> None:
    world = training()
    job = world.job("train")
    pod = a_waiting_pod(job, "ContainerCreating")
    world.add(pod)
    del world.objects["Job", job["metadata"]["name"]]
    assert not any(isinstance(a, Create) for a in world.plan().actions)

    del world.objects["Pod", pod["metadata"]["name"]]
    world.settle()
    assert world.made.count(("Job", job["metadata"]["name"])) == 2


def test_steps_share_a_volume_of_one_node_one_at_a_time() -> None:
    steps = [{"name": "left", "after": []}, {"name": "right", "after": []}]
    world = World().add(a_run(steps=steps))
    world.settle()
    assert [key[1].split("-")[1] for key in world.made if key[0] == "Job"] == ["left"]


def test_steps_run_side_by_side_on_a_volume_of_many_nodes() -> None:
    steps = [{"name": "left", "after": []}, {"name": "right", "after": []}]
    world = World().add(a_run(steps=steps, workspace={"accessModes": ["ReadWriteMany"]}))
    world.settle()
    assert len([key for key in world.made if key[0] == "Job"]) == 2

    world.end("left", code=1, said="no")
    world.settle()
    states = {step["name"]: step["state"] for step in world.status()["steps"]}
    assert states == {"left": "Failed", "right": "Stopped"}


def test_a_step_waits_for_all_that_it_names() -> None:
    steps = [
        {"name": "left", "after": []},
        {"name": "right", "after": []},
        {"name": "both", "after": ["left", "right"]},
    ]
    world = World().add(a_run(steps=steps, workspace={"accessModes": ["ReadWriteMany"]}))
    world.settle()
    world.end("left")
    world.settle()
    assert not any("-both-" in name for _, name in world.made)
    world.end("right")
    world.settle()
    assert any("-both-" in name for _, name in world.made)
