"""Moments of a run that ends without `collect`: the series of its metrics is kept all the same."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.core.plan import Create, Heard, LogTail, Plan, StepProgress, WriteStatus
from comal_trainer.contract.progress import Report
from make import a_pod, a_run, a_running_pod, conditions
from training_world import World
from unit.training.test_series import PACKED, series

SAID = f"comal-series:{PACKED}\n"
MISSING = {"reason": "MetricsMissing", "message": "metrics.json does not exist"}
ANSWER = {"metrics": {}, "error": MISSING, "series": 3}


def ended(code: int, *, reported: bool = True, **spec: Any) -> World:
    """A run whose only step has ended, after it had reported a metric or had not."""
    world = World().add(a_run(**spec))
    world.settle()
    started = {"running": {"startedAt": world.now.isoformat()}}
    job = world.job("train")
    pod = a_pod(job, phase="Running", containerStatuses=[{"name": "step", "state": started}])
    world.add(pod)
    world.settle()
    if reported:
        told = Heard(Report(metrics={"loss": "0.5"}), world.now)
        world.answers[StepProgress(pod["metadata"]["uid"])] = told
        world.settle()
        assert world.status()["metrics"] == {"loss": "0.5"}
    world.end("train", code=code)
    world.settle()
    return world


def end_of(world: World) -> str | None:
    found = conditions(world.status())
    return next((one for one in ("Complete", "Failed") if found.get(one, ("",))[0] == "True"), None)


def keep(world: World, said: Any = SAID, answer: Any = ANSWER) -> Plan:
    """Let the Job that reads the series end, with this as the last line of its log."""
    world.end("comal-series", said=answer)
    for question in world.plan().questions:
        if isinstance(question, LogTail):
            world.answers[question] = said
    return world.settle()


@pytest.mark.parametrize(("code", "end"), [(1, "Failed"), (0, "Complete")])
def test_it_is_kept_before_the_run_ends(code: int, end: str) -> None:
    world = ended(code)
    assert end_of(world) is None
    assert "keeping the metrics" in conditions_message(world)
    keep(world)
    assert end_of(world) == end
    (kept,) = series(world)
    assert kept["binaryData"] == {"metrics.jsonl.gz": PACKED}
    assert world.status()["metrics"] == {"loss": "0.5"}
    # The second look is silent.
    assert not world.plan().actions


def conditions_message(world: World) -> str:
    return " ".join(one["message"] for one in world.status()["conditions"])


@pytest.mark.parametrize(("code", "end"), [(1, "Failed"), (0, "Complete")])
def test_a_run_that_reported_nothing_ends_at_once(code: int, end: str) -> None:
    world = ended(code, reported=False)
    assert end_of(world) == end
    assert not [name for kind, name in world.made if kind == "Job" and "series" in name]


def test_a_job_that_does_not_come_to_run_holds_the_end_up_for_minutes_only() -> None:
    world = ended(1)
    again = world.plan().requeue_after
    assert again is not None
    world.wait(seconds=again.total_seconds())
    world.settle()
    assert end_of(world) == "Failed"
    assert series(world) == []


@pytest.mark.parametrize("said", ["", "something else"])
def test_a_log_without_it_holds_up_nothing(said: str) -> None:
    world = ended(1)
    keep(world, said)
    assert end_of(world) == "Failed"


def test_a_job_that_fails_holds_up_nothing() -> None:
    world = ended(1)
    world.end("comal-series", code=1)
    world.settle()
    assert end_of(world) == "Failed"


def test_a_quota_holds_up_nothing() -> None:
    world = ended(1)
    job = world.job("comal-series")["metadata"]["name"]
    del world.objects["Job", job]
    world.refusals["Job", job] = "exceeded quota"
    world.settle()
    assert end_of(world) == "Failed"


def test_a_workspace_that_is_gone_is_not_asked() -> None:
    world = ended(1)
    del world.objects["Job", world.job("comal-series")["metadata"]["name"]]
    claims = [key for key in world.objects if key[0] == "PersistentVolumeClaim"]
    for key in claims:
        del world.objects[key]
    world.settle()
    assert end_of(world) == "Failed"


def running(**spec: Any) -> World:
    """A run whose step's container runs and has told nothing."""
    world = World().add(a_run(**spec))
    world.settle()
    world.add(a_running_pod(world.job("train")))
    world.settle()
    return world


def changed(world: World, **fields: Any) -> World:
    run = world.run()
    world.add({**run, "spec": {**run["spec"], **fields}})
    world.settle()
    return world


def silent(code: int, **spec: Any) -> World:
    """A run whose steps told nothing, at its end."""
    world = running(**spec)
    world.end("train", code=code, said="no")
    world.settle()
    return world


def made(world: World) -> list[str]:
    """Return the Jobs that were ever made to read the series."""
    return [name for kind, name in world.made if kind == "Job" and "comal-series" in name]


LATE: dict[str, Any] = {
    "failed": lambda **spec: silent(1, **spec),
    "complete": lambda **spec: silent(0, **spec),
    "cancelled": lambda **spec: changed(running(**spec), cancel=True),
    "cancelled while its series is read": lambda **spec: changed(ended(1, **spec), cancel=True),
    "cancelled while suspended": lambda **spec: changed(
        changed(running(**spec), suspend=True), cancel=True
    ),
}


@pytest.mark.parametrize("moment", LATE)
def test_an_end_that_nobody_waits_with_is_there_at_once_and_the_series_comes(moment: str) -> None:
    world = LATE[moment]()
    before = world.status()
    assert before["completionTime"]
    assert len(made(world)) == 1
    assert not world.plan().actions

    keep(world)
    (kept,) = series(world)
    assert kept["binaryData"] == {"metrics.jsonl.gz": PACKED}
    # The end stays as it was told, one Job looked, and the second look is silent.
    assert world.status() == before
    assert len(made(world)) == 1
    world.answers.clear()
    plan = world.plan()
    assert (plan.actions, plan.questions) == ((), ())


def test_an_end_that_nobody_waits_with_is_written_once_and_after_the_job_is_made() -> None:
    """Nothing is made for a run that has ended: made later it would be lost in a crash."""
    world = running()
    world.end("train")
    actions = world.plan().actions
    (made,) = (n for n, one in enumerate(actions) if isinstance(one, Create) and _reads(one))
    (written,) = (one for one in actions[made:] if isinstance(one, WriteStatus))
    assert conditions(written.status)["Complete"] == ("True", "Completed")


def _reads(action: Create) -> bool:
    return "comal-series" in action.manifest["metadata"]["name"]


@pytest.mark.parametrize("moment", LATE)
def test_nothing_goes_before_the_series_is_kept(moment: str) -> None:
    world = LATE[moment](ttl={"children": "0s", "workspace": "0s"})
    assert world.plan().requeue_after
    keep(world)
    assert len(series(world)) == 1
    assert {kind for kind, _ in world.objects}.isdisjoint({"Job", "PersistentVolumeClaim"})
    assert len(made(world)) == 1


@pytest.mark.parametrize("moment", LATE)
def test_a_workspace_that_is_never_read_goes_in_its_time(moment: str) -> None:
    world = LATE[moment](ttl={"children": "0s", "workspace": "0s"})
    again = world.plan().requeue_after
    assert again is not None
    world.wait(seconds=again.total_seconds()).settle()
    assert {kind for kind, _ in world.objects}.isdisjoint({"Job", "PersistentVolumeClaim"})
    assert series(world) == []


@pytest.mark.parametrize("said", ["", "something else"])
def test_a_log_without_it_changes_no_end(said: str) -> None:
    world = silent(1)
    before = world.status()
    keep(world, said)
    assert (world.status(), series(world)) == (before, [])
    assert not world.plan().actions


def test_a_quota_keeps_no_run_from_being_cancelled() -> None:
    world = running()
    job = silent(1).job("comal-series")["metadata"]["name"]
    world.refusals["Job", job] = "exceeded quota"
    changed(world, cancel=True)
    assert conditions(world.status())["Failed"] == ("True", "Cancelled")
    assert made(world) == []


def test_a_run_that_is_cancelled_before_anything_ran_has_nothing_to_read() -> None:
    world = World().add(a_run())
    world.settle()
    changed(world, cancel=True)
    assert conditions(world.status())["Failed"] == ("True", "Cancelled")
    assert made(world) == []


def test_a_run_that_is_cancelled_lets_go_of_its_step_first() -> None:
    world = running()
    step = world.job("train")["metadata"]["name"]
    run = world.run()
    world.add({**run, "spec": {**run["spec"], "cancel": True}})
    world.carry_out(world.plan())
    assert ("Job", step) not in world.objects
    assert made(world) == []


def test_suspending_does_not_stop_what_reads_it() -> None:
    world = ended(1)
    run = world.run()
    world.add({**run, "spec": {**run["spec"], "suspend": True}})
    world.settle()
    assert world.job("comal-series")
    keep(world)
    assert end_of(world) == "Failed"
