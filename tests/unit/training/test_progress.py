"""Moments of a run whose steps report how far they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from comal_operator.core.plan import Heard, Plan, StepProgress, WriteStatus
from comal_trainer.contract.progress import Report
from make import a_gated_run, a_pod, a_registry, a_run, conditions
from training_world import World

INDEX = "batch.kubernetes.io/job-completion-index"


def running(*steps: str) -> World:
    """A run whose first step's Pod runs, and has said nothing."""
    world = World().add(a_run(*steps))
    world.settle()
    world.add(live_pod(world, (steps or ("train",))[0]))
    world.settle()
    return world


def live_pod(world: World, step: str) -> dict[str, Any]:
    started = {"running": {"startedAt": world.now.isoformat()}}
    return a_pod(
        world.job(step), phase="Running", containerStatuses=[{"name": "step", "state": started}]
    )


def uid_of(world: World, step: str) -> str:
    uid: str = world.objects["Pod", f"{world.job(step)['metadata']['name']}-pod"]["metadata"]["uid"]
    return uid


def hear(world: World, step: str = "train", *, pod: str | None = None, **said: Any) -> None:
    """Let the step report now."""
    question = StepProgress(pod or uid_of(world, step))
    before = world.answers.get(question)
    since = before.since if isinstance(before, Heard) else None
    report = Report(**said)
    if since is None and report.percent is not None:
        since = (report.percent, world.now)
    world.answers[question] = Heard(report, world.now, since)


def forget(world: World) -> None:
    """Restart the operator: it has heard nothing yet."""
    world.answers = {q: a for q, a in world.answers.items() if not isinstance(q, StepProgress)}


def writes(plan: Plan) -> list[WriteStatus]:
    return [action for action in plan.actions if isinstance(action, WriteStatus)]


def test_what_a_step_reports_is_in_the_status() -> None:
    world = running()
    hear(world, percent=45.9, eta_seconds=1900, epoch="9/20", metrics={"loss": "0.4"})
    world.settle()
    assert world.status()["progress"] == {
        "text": "45% 31m",
        "percent": 45,
        "etaSeconds": 1900,
        "epoch": "9/20",
        "heartbeat": "2026-11-21T12:00:00Z",
    }
    assert world.status()["metrics"] == {"loss": "0.4"}
    assert world.status()["metric"] == "loss=0.4"
    assert world.settle().actions == ()


def test_a_run_whose_steps_say_nothing_counts_them() -> None:
    world = running("prepare", "train")
    assert world.status()["progress"] == {"text": "0/2", "percent": 0}
    world.end("prepare")
    world.settle()
    assert world.status()["progress"] == {"text": "1/2", "percent": 50}


def test_percent_is_of_the_whole_run() -> None:
    world = running("prepare", "train", "evaluate", "export")
    world.end("prepare")
    world.settle()
    world.add(live_pod(world, "train"))
    hear(world, percent=50)
    world.settle()
    assert world.status()["progress"]["percent"] == 37


def test_only_a_complete_run_is_at_100() -> None:
    world = running()
    hear(world, percent=100)
    world.settle()
    assert world.status()["progress"]["percent"] == 99
    world.end("train")
    world.settle()
    assert world.status()["progress"] == {"text": "100%", "percent": 100}


def test_progress_alone_is_written_every_five_seconds() -> None:
    world = running()
    hear(world, percent=1)
    world.settle()
    world.wait(seconds=2)
    hear(world, percent=2)
    plan = world.settle()
    assert plan.requeue_after == timedelta(seconds=3)
    assert world.status()["progress"]["percent"] == 1
    world.wait(seconds=3)
    world.settle()
    assert world.status()["progress"]["percent"] == 2
    assert world.status()["progress"]["heartbeat"] == "2026-11-21T12:00:02Z"


def test_with_a_transition_it_is_written_at_once() -> None:
    world = running("prepare", "train")
    hear(world, "prepare", percent=10, metrics={"rows": "5"})
    world.settle()
    world.wait(seconds=1)
    hear(world, "prepare", percent=100, metrics={"rows": "120"})
    world.end("prepare")
    world.settle()
    assert world.status()["metrics"] == {"rows": "120"}
    assert world.status()["progress"]["percent"] == 50


def test_the_time_left_follows_from_the_pace() -> None:
    world = running()
    # An earlier attempt did the first fifth.
    hear(world, percent=20)
    world.settle()
    assert "etaSeconds" not in world.status()["progress"]
    world.wait(seconds=60)
    hear(world, percent=40)
    world.settle()
    assert world.status()["progress"]["etaSeconds"] == 180
    assert world.status()["progress"]["text"] == "40% 3m"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1% 0s"), (59, "1% 59s"), (3599, "1% 59m"), (7500, "1% 2h5m"), (900_000, "1% 10d")],
)
def test_the_column_shows_a_short_time(seconds: int, text: str) -> None:
    world = running()
    hear(world, percent=1, eta_seconds=seconds)
    world.settle()
    assert world.status()["progress"]["text"] == text


def test_after_a_restart_of_the_operator_the_last_words_stay() -> None:
    world = running("prepare", "train")
    hear(world, "prepare", percent=80, epoch="4/5", metrics={"rows": "7"}, resumed_from="step 3")
    world.settle()
    before = world.status()
    forget(world)
    world.wait(minutes=3)
    assert writes(world.settle()) == []
    assert world.status() == before
    assert world.status()["steps"][0]["resumedFrom"] == "step 3"
    world.wait(seconds=10)
    hear(world, "prepare", percent=90, metrics={"bytes": "1"})
    world.settle()
    assert world.status()["progress"]["percent"] == 45
    assert world.status()["metrics"] == {"rows": "7", "bytes": "1"}


def test_what_a_step_went_on_from_is_remembered_past_its_end() -> None:
    world = running("train", "evaluate")
    hear(world, percent=50, resumed_from="step 8200")
    world.settle()
    world.end("train")
    forget(world)
    world.settle()
    assert world.status()["steps"][0]["state"] == "Succeeded"
    assert world.status()["steps"][0]["resumedFrom"] == "step 8200"
    assert "resumedFrom" not in world.status()["steps"][1]


def test_a_failed_run_keeps_how_far_it_came() -> None:
    world = running()
    hear(world, percent=45, eta_seconds=100, epoch="9/20", metrics={"loss": "0.4"})
    world.settle()
    world.wait(seconds=1)
    world.end("train", code=64, said="no such column")
    world.settle()
    # What the series takes to be kept changes nothing of it.
    world.end("comal-series", code=1)
    world.settle()
    assert conditions(world.status())["Failed"][0] == "True"
    progress = world.status()["progress"]
    assert (progress["text"], progress["epoch"]) == ("45%", "9/20")
    assert "etaSeconds" not in progress
    assert world.status()["metrics"] == {"loss": "0.4"}


def test_the_first_worker_speaks_for_all_but_any_of_them_is_a_sign_of_life() -> None:
    world = running()
    job = world.job("train")
    (key,) = [key for key in world.objects if key[0] == "Pod"]
    del world.objects[key]
    for worker in ("1", "0"):
        pod = a_pod(job, phase="Running")
        name = f"{pod['metadata']['name']}-{worker}"
        noted = {INDEX: worker}
        pod["metadata"] |= {"name": name, "uid": f"w{worker}", "annotations": noted}
        world.add(pod)
    hear(world, pod="w0", percent=10, metrics={"loss": "0.5"})
    world.wait(seconds=7)
    hear(world, pod="w1", percent=90, metrics={"loss": "0.9"})
    world.settle()
    assert world.status()["progress"]["percent"] == 10
    assert world.status()["progress"]["heartbeat"] == "2026-11-21T12:00:07Z"
    assert world.status()["metrics"] == {"loss": "0.5"}


def test_at_most_64_metrics_are_kept_the_newest_ones() -> None:
    world = running()
    hear(world, metrics={f"a{n}": "1" for n in range(64)})
    world.settle()
    world.wait(seconds=9)
    hear(world, metrics={f"b{n}": "2" for n in range(60)})
    world.settle()
    names = world.status()["metrics"].keys()
    assert len(names) == 64
    assert {f"b{n}" for n in range(60)} <= names
    assert world.settle().actions == ()


def test_the_metrics_that_were_collected_are_the_last_word() -> None:
    world = World().add(a_gated_run(), a_registry())
    world.settle()
    world.add(live_pod(world, "train"))
    hear(world, metrics={"loss": "0.4"})
    world.settle()
    assert world.status()["metrics"] == {"loss": "0.4"}
    world.end("train")
    world.settle()
    world.end("comal-collect")
    world.settle()
    assert world.status()["metrics"] == {"mse": "3295.714948"}


def test_a_pod_that_only_wears_our_label_is_not_asked() -> None:
    world = running()
    pod = live_pod(world, "train")
    pod["metadata"] |= {"name": "stranger", "uid": "forged", "ownerReferences": []}
    world.add(pod)
    forget(world)
    assert StepProgress("forged") not in world.plan().questions


def test_a_write_that_only_tells_progress_says_so() -> None:
    world = running()
    hear(world, percent=1)
    [first] = writes(world.plan())
    assert first.only_news
    world.settle()
    world.wait(seconds=9)
    hear(world, percent=2, resumed_from="step 8")
    [second] = writes(world.plan())
    assert not second.only_news
    world.settle()
    world.end("train")
    assert not any(action.only_news for action in writes(world.plan()))
