"""How long an attempt may wait, run, and say nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from comal_operator.core.plan import Heard, LastLogLine, LogTail, StepProgress
from comal_trainer.contract.progress import Report
from make import NOON, a_run, a_running_pod, an_unplaced_pod
from training_moments import Moment, check_moment
from training_world import World


def limited(failures: int = 0, **timeouts: str) -> World:
    step = {"name": "train", "timeouts": timeouts, "retry": {"failures": failures}}
    world = World().add(a_run(steps=[step]))
    world.settle()
    return world


def unplaced(seconds: int) -> World:
    world = limited(pending="1m")
    world.add(an_unplaced_pod(world.job("train"), "0/3 nodes: Insufficient nvidia.com/gpu"))
    claim = next(key for key in world.objects if key[0] == "PersistentVolumeClaim")
    world.objects[claim] = {**world.objects[claim], "status": {"phase": "Bound"}}
    return world.wait(seconds=seconds)


def runs(seconds: int, failures: int = 0, **timeouts: str) -> World:
    world = limited(failures, **timeouts)
    world.add(a_running_pod(world.job("train")))
    name, uid = pod_of(world)
    world.answers[LogTail(name, "step", 500)] = "epoch 3"
    world.answers[StepProgress(uid)] = None
    world.answers[LastLogLine(name, "step")] = None
    return world.wait(seconds=seconds)


def pod_of(world: World) -> tuple[str, str]:
    meta = next(thing["metadata"] for (kind, _), thing in world.objects.items() if kind == "Pod")
    return meta["name"], meta["uid"]


def reported(seconds_ago: int) -> World:
    world = runs(600, stall="5m")
    at = world.now - timedelta(seconds=seconds_ago)
    world.answers[StepProgress(pod_of(world)[1])] = Heard(Report(percent=3.0), at)
    return world


def logged(seconds_ago: int) -> World:
    world = runs(600, stall="5m")
    name, _ = pod_of(world)
    world.answers[LastLogLine(name, "step")] = world.now - timedelta(seconds=seconds_ago)
    return world


def held_in_a_queue() -> World:
    world = limited(pending="1m")
    job = world.job("train")
    world.add({**job, "spec": {**job["spec"], "suspend": True}})
    return world.wait(hours=9)


FAILED = {"Stalled", "Failed"}
ON = {"Reconciling"}
MOMENTS: dict[str, Moment] = {
    "waiting is allowed for a while": (lambda: unplaced(50), "Unschedulable", ON),
    "waiting too long ends the run": (lambda: unplaced(61), "PendingTimeout", FAILED),
    "a Job in a queue does not wait": (held_in_a_queue, "Running", ON),
    "running is allowed for a while": (lambda: runs(299, running="5m"), "Running", ON),
    "running too long": (lambda: runs(301, running="5m"), "RunningTimeout", FAILED),
    "running too long, once more": (
        lambda: runs(301, 1, running="5m"),
        "Retrying",
        ON,
    ),
    "running is no waiting": (lambda: runs(900, pending="1m"), "Running", ON),
    "silence": (lambda: runs(301, stall="5m"), "StepStalled", FAILED),
    "silence for less than the limit": (lambda: runs(299, stall="5m"), "Running", ON),
    "a report is a sign of life": (lambda: reported(200), "Running", ON),
    "an old report is none": (lambda: reported(301), "StepStalled", FAILED),
    "a log line is a sign of life": (lambda: logged(200), "Running", ON),
    "an old log line is none": (lambda: logged(301), "StepStalled", FAILED),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_moment(moment: str) -> None:
    check_moment(MOMENTS[moment])


def message(world: World) -> str:
    world.settle()
    return str(world.status()["conditions"][0]["message"])


def test_the_schedulers_own_reason_stands_in_the_message() -> None:
    text = message(unplaced(61))
    assert text.startswith("step train did not start within 1m (timeouts.pending)")
    assert "Insufficient nvidia.com/gpu" in text


def test_the_log_of_a_stopped_attempt_is_kept_before_its_job_goes() -> None:
    world = runs(301, failures=1, running="5m")
    name = world.job("train")["metadata"]["name"]
    world.settle()
    [found] = world.status()["steps"]
    assert (found["reason"], found["failures"], found["logTail"]) == (
        "RunningTimeout",
        1,
        "epoch 3",
    )
    assert ("Job", name) not in world.objects


@pytest.mark.parametrize(
    ("world", "wanted"),
    [
        (lambda: runs(60, running="5m"), 240),
        (lambda: runs(60, stall="3m"), 120),
        (lambda: runs(60, running="5m", stall="3m"), 120),
        (lambda: logged(200), 100),
        (lambda: unplaced(59), 1),
    ],
)
def test_a_look_comes_when_a_limit_is_reached(world: Any, wanted: int) -> None:
    left = world().settle().requeue_after
    assert left is not None
    assert left.total_seconds() == wanted


def test_logs_are_read_only_when_a_stall_is_about_to_be_declared() -> None:
    world = runs(60, stall="5m")
    world.answers.clear()
    assert not [q for q in world.plan().questions if isinstance(q, LastLogLine)]

    world.wait(seconds=300)
    world.answers[StepProgress(pod_of(world)[1])] = Heard(Report(), NOON)
    assert [type(q) for q in world.plan().questions] == [LastLogLine]
