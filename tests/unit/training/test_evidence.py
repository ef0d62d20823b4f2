"""Moments of the logs that outlive the Pods of failed attempts."""

from __future__ import annotations

from typing import Any

from comal_operator.core.plan import Create, LogTail, Manifest, WriteStatus
from make import a_run, an_ended_pod, an_object, ended_job
from training_world import World, deeds

LOG = "\n".join(f"line {n}" for n in range(3000))[-16384:]


def failed_attempt(said: str = LOG, **retry: Any) -> World:
    """A step whose first attempt has failed, which nobody has looked at; its log is this."""
    run = a_run()
    run["spec"]["steps"][0]["retry"] = {"failures": 2, **retry}
    world = World().add(run)
    world.settle()
    world.end("train", code=3)
    for question in world.plan().questions:
        assert isinstance(question, LogTail)
        world.answers[question] = said
    return world


def logs(world: World) -> list[Manifest]:
    return [
        thing
        for (kind, _), thing in world.objects.items()
        if kind == "ConfigMap"
        and thing["metadata"]["labels"]["app.kubernetes.io/component"] == "training-log"
    ]


def test_the_log_is_kept_before_the_failure_is_remembered() -> None:
    world = failed_attempt()
    first = world.plan().actions[0]
    assert isinstance(first, Create)
    assert first.manifest["kind"] == "ConfigMap"
    world.carry_out(world.plan())
    assert isinstance(deeds(world.plan())[0], WriteStatus)
    world.settle()
    (log,) = logs(world)
    meta = log["metadata"]
    assert log["data"] == {"log": LOG}
    assert log["immutable"]
    assert meta["ownerReferences"][0]["uid"] == world.run()["metadata"]["uid"]
    assert meta["name"].startswith("diabetes-train-1-log-")
    assert meta["labels"]["comal.dev/step"] == "train"
    assert meta["labels"]["comal.dev/attempt"] == "1"
    assert meta["annotations"]["comal.dev/reason"] == "StepFailed"
    assert "exited with code 3" in meta["annotations"]["comal.dev/message"]
    assert meta["annotations"]["comal.dev/pod"]


def test_the_status_has_the_newest_lines() -> None:
    world = failed_attempt()
    world.settle()
    tail = world.status()["steps"][0]["logTail"]
    assert tail.endswith("line 2999")
    assert len(tail) <= 2000


def test_each_attempt_has_a_log_of_its_own() -> None:
    world = failed_attempt()
    world.settle()
    world.wait(seconds=10)
    world.settle()
    jobs = [key for key in world.objects if key[0] == "Job"]
    assert len(jobs) == 2
    second = world.objects[max(jobs, key=world.made.index)]
    pod = an_ended_pod(second, code=4, said="killed")
    world.add(pod, ended_job(second, "Failed"))
    world.settle()
    by_attempt = {
        log["metadata"]["labels"]["comal.dev/attempt"]: log["data"]["log"] for log in logs(world)
    }
    # Its log could not be read any more: what its container said last is what there is.
    assert by_attempt == {"1": LOG, "2": "killed"}


def test_an_attempt_that_said_nothing_leaves_nothing() -> None:
    world = failed_attempt("")
    world.settle()
    assert logs(world) == []
    assert world.status()["steps"][0]["failures"] == 1


def test_a_log_that_cannot_be_kept_holds_up_nothing() -> None:
    world = failed_attempt()
    action = world.plan().actions[0]
    assert isinstance(action, Create)
    world.refusals["ConfigMap", action.manifest["metadata"]["name"]] = "exceeded quota: objects"
    world.settle()
    assert logs(world) == []
    assert world.status()["steps"][0]["failures"] == 1


def test_a_stranger_in_its_place_holds_up_nothing() -> None:
    world = failed_attempt()
    action = world.plan().actions[0]
    assert isinstance(action, Create)
    world.add(an_object("ConfigMap", action.manifest["metadata"]["name"], api="v1"))
    world.settle()
    assert world.status()["steps"][0]["failures"] == 1
