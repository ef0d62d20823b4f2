"""Stories of attempts: failures, interruptions, and people who stop a run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from crash.recorder import Recorder
from crash.scenario import Move, Scenario, Stage
from crash.standin.jobs import Ending, Script, event_of
from crash.training import ended, is_running, starts

_STAYS = Ending(stays=True)
_FAILS = Ending(1, "no such file")
_EVICTED = Ending(143, disrupted=True)


def _train(**more: Any) -> dict[str, Any]:
    step = {"name": "train", "role": "Train", "args": ["diabetes", "train"], **more}
    return {"steps": [step], "gate": None, "register": None}


def _set(run: str, **spec: Any) -> Callable[[Stage], Awaitable[None]]:
    return lambda stage: stage.change("TrainingRun", run, spec)


def _is(run: str, condition: str) -> Callable[[Stage], bool]:
    return lambda stage: stage.condition("TrainingRun", run, condition)


def _attempts(attempts: int, **wanted: int) -> Callable[[Stage, Recorder], str]:
    """Return the judge that wants so many Jobs of run a's train step, and these counts."""

    def judge(stage: Stage, recorder: Recorder) -> str:
        body = stage.get("TrainingRun", "a") or {}
        [step] = body["status"]["steps"]
        found = {name: step.get(name, 0) for name in ("failures", "interruptions")}
        made = recorder.jobs()["a/train"]
        if made != attempts or step["attempts"] != attempts:
            return f"{made} Jobs, attempt {step['attempts']} instead of {attempts}"
        right = {"failures": 0, "interruptions": 0, **wanted}
        return "" if found == right else f"{found} instead of {right}"

    return judge


_HOOKS = [
    {"webhook": {"secretRef": {"name": "all"}}},
    {"webhook": {"secretRef": {"name": "ends"}}, "when": ["Failed"]},
]


def _told(stage: Stage, recorder: Recorder) -> str:
    """Judge who was told: one of the interruption, both of the failure, nobody twice."""
    made = recorder.jobs().get("a/training-notify")
    told = sorted(
        (mounted["secret"]["secretName"], event["type"].rpartition(".")[2])
        for job in stage.all("Job")
        for mounted in job["spec"]["template"]["spec"]["volumes"]
        if mounted["name"] == "webhook"
        for event in [event_of(job)]
    )
    right = [("all", "failed"), ("all", "interrupted"), ("ends", "failed")]
    return "" if (made, told) == (3, right) else f"{made} Jobs tell {told}"


RUNNING = (
    Scenario(
        name="step retried",
        moves=(starts("a", **_train(retry={"failures": 2})),),
        goal=ended("a"),
        script=Script(endings={("a", "train"): (_FAILS, _FAILS)}),
        judge=_attempts(3, failures=2),
    ),
    Scenario(
        name="step interrupted",
        moves=(starts("a", **_train(retry={"failures": 1})),),
        goal=ended("a"),
        script=Script(endings={("a", "train"): (_EVICTED, _FAILS, _EVICTED)}),
        judge=_attempts(4, failures=1, interruptions=2),
    ),
    Scenario(
        name="retries exhausted",
        moves=(starts("a", **_train(retry={"failures": 1})),),
        goal=ended("a"),
        script=Script(endings={("a", "train"): (_FAILS, _FAILS, _FAILS)}),
        judge=_attempts(2, failures=2),
    ),
    Scenario(
        name="webhooks told",
        moves=(starts("a", **_train(retry={"failures": 1}), notify=_HOOKS),),
        goal=ended("a"),
        script=Script(endings={("a", "train"): (_EVICTED, _FAILS, _FAILS)}),
        judge=_told,
    ),
    Scenario(
        name="suspended and resumed",
        moves=(
            starts("a"),
            Move(_set("a", suspend=True), is_running("a", "train")),
            Move(_set("a", suspend=False), _is("a", "Suspended")),
        ),
        goal=ended("a"),
        script=Script(endings={("a", "train"): (_STAYS,)}),
    ),
    Scenario(
        name="cancelled midway",
        moves=(
            starts("a"),
            Move(_set("a", cancel=True), is_running("a", "evaluate")),
        ),
        goal=ended("a"),
        script=Script(endings={("a", "evaluate"): (_STAYS,)}),
    ),
    Scenario(
        name="runs too long",
        moves=(starts("a", **_train(timeouts={"running": "30s"}, retry={"failures": 1})),),
        goal=ended("a"),
        script=Script(endings={("a", "train"): (_STAYS,)}),
        judge=_attempts(2, failures=1),
    ),
    Scenario(
        name="tidied up",
        moves=(starts("a", ttl={"children": "20s", "workspace": "40s"}),),
        goal=lambda stage: (
            stage.has_ended("a")
            and not stage.all("Job")
            and not [one for one in stage.all("PersistentVolumeClaim") if _is_workspace(one)]
        ),
    ),
)


def _is_workspace(claim: dict[str, Any]) -> bool:
    return "-workspace-" in str(claim["metadata"]["name"])
