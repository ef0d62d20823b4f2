"""Stories of candidates that must show what they can, and of the Pods that they get for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from comal_trainer.contract.check import Checked
from crash.recorder import Recorder
from crash.scenario import Move, Scenario, Stage
from crash.serving import (
    NAME,
    Do,
    asks,
    deploys,
    heard,
    is_,
    is_ready,
    serves,
    status_of,
    strips,
    versions,
    wants,
)
from crash.standin.jobs import Script

_COPIES = ({"shadow": "20", "for": "3s"}, {"percent": "50", "for": "3s"})
_PROGRAM = {"image": "example.com/evaluate:1", "run": "EachStep"}
# As long as a first comparison needs, and once more.
_COMPARED = ({"shadow": "20", "for": "20s"}, {"percent": "50", "for": "3s"})
_ANSWERS = {"maxDifferent": "0.01", "every": "10s"}
_CHECK = {"name": "holdout", "job": _PROGRAM}
_QUERY = {
    "name": "psi",
    "prometheus": {"address": "http://prometheus.monitoring:9090", "query": "psi", "max": "0.2"},
}
_LATENCY = {"quantile": "p95", "maxRatioToStable": "1.2", "minRequests": 20}


_SMOKE = [{"percent": "0", "smoke": {}}, {"percent": "50", "for": "3s"}]
_PODS = 4


def _rolls_out(**rollout: Any) -> Do:
    return lambda stage: stage.change("ModelDeployment", NAME, {"rollout": rollout})


async def _brings_its_own(stage: Stage) -> None:
    spec = {"image": "registry.example/team/scorer:1", "model": {"version": "2"}}
    await stage.change("ModelDeployment", NAME, spec)


async def _grows(stage: Stage) -> None:
    spec = {"replicas": _PODS, "rollout": {"capacity": "Conserve"}}
    await stage.change("ModelDeployment", NAME, spec)


def _has_grown(stage: Stage) -> bool:
    revision = (status_of(stage).get("stable") or {}).get("revision")
    deployment = stage.get("Deployment", f"{NAME}-{revision}") or {"spec": {}}
    return is_ready(1)(stage) and deployment["spec"].get("replicas") == _PODS


def _asked_once(stage: Stage, recorder: Recorder) -> str:
    """Judge a rollout: at each share its program ran once; their Jobs' names hold moments."""
    del recorder
    asked = Counter(
        variable["value"]
        for job in stage.all("Job")
        for variable in job["spec"]["template"]["spec"]["containers"][0]["env"]
        if variable["name"] == "COMAL_CANDIDATE_PERCENT"
    )
    return "" if asked == Counter(["10", "50", "100"]) else f"asked at {dict(asked)}"


def _rejected_for(reason: str) -> Callable[[Stage, Recorder], str]:
    """Return the judge of one that fails: by its numbers, which nobody counts alike twice."""

    def judge(stage: Stage, recorder: Recorder) -> str:
        del recorder
        status = status_of(stage)
        found = [(one["modelVersion"], one["reason"]) for one in status["rejected"]]
        shares = [one["percent"] for one in status["traffic"]]
        right = found == [("diabetes-v2", reason)] and shares == ["100"]
        return "" if right else f"rejected {found}, shares {shares}"

    return judge


def _is_rejected(stage: Stage) -> bool:
    return bool(status_of(stage).get("rejected")) and serves(1)(stage)


def _is_held(stage: Stage) -> bool:
    """Return whether the candidate is held at nothing by what was counted."""
    status = status_of(stage)
    held = status.get("hold", {}).get("reason") == "ErrorRate" and is_("Held")(stage)
    shares = {one["percent"] for one in status.get("traffic", ()) if "percent" in one}
    return held and status.get("weight") == "0" and shares == {"100", "0"}


def _fails_held(stage: Stage, recorder: Recorder) -> str:
    """Judge one that waits for a person: nobody has decided for them."""
    del recorder
    status = status_of(stage)
    right = "rejected" not in status and status["stable"]["modelVersion"] == "diabetes-v1"
    return "" if right else f"rejected {status.get('rejected')}, stable {status['stable']}"


JUDGING = (
    Scenario(
        name="fails at its first requests",
        moves=(*versions(1, 2), Move(deploys()), Move(wants("2"), is_ready(1))),
        goal=_is_rejected,
        script=Script(failing=frozenset({"2"})),
        judge=_rejected_for("ErrorRate"),
    ),
    Scenario(
        name="too slow beside stable",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(_rolls_out(analysis={"latency": _LATENCY}), is_ready(1)),
            Move(wants("2")),
        ),
        goal=_is_rejected,
        script=Script(slow=frozenset({"2"})),
        judge=_rejected_for("Latency"),
    ),
    Scenario(
        name="Prometheus says no",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(_rolls_out(analysis={"checks": [_QUERY]}), is_ready(1)),
            Move(wants("2")),
        ),
        goal=_is_rejected,
        script=Script(queried=Checked("failed", "0.9 is above 0.2")),
        judge=_rejected_for("CheckFailed"),
    ),
    Scenario(
        name="held for a look",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(_rolls_out(onFailure="Hold"), is_ready(1)),
            Move(wants("2")),
        ),
        goal=_is_held,
        script=Script(failing=frozenset({"2"})),
        judge=_fails_held,
    ),
    Scenario(
        name="held, then aborted",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(_rolls_out(onFailure="Hold"), is_ready(1)),
            Move(wants("2")),
            Move(asks("abort"), _is_held),
            Move(strips, is_("RolledBack")),
        ),
        goal=_is_rejected,
        script=Script(failing=frozenset({"2"})),
        judge=heard("abort"),
    ),
    Scenario(
        name="copies first",
        moves=(*versions(1, 2), Move(deploys(steps=_COPIES)), Move(wants("2"), is_ready(1))),
        goal=is_ready(2),
    ),
    Scenario(
        name="copies are answered differently",
        moves=(
            *versions(1, 2),
            Move(deploys(steps=_COMPARED)),
            Move(_rolls_out(analysis={"answers": _ANSWERS}), is_ready(1)),
            Move(wants("2")),
        ),
        goal=_is_rejected,
        script=Script(different=30),
        judge=_rejected_for("DifferentAnswers"),
    ),
    Scenario(
        name="its own image by tag",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(_brings_its_own, is_ready(1)),
        ),
        goal=is_ready(2),
        script=Script(digests={"0": "sha256:" + "8" * 64}),
    ),
    Scenario(
        name="a smoke test first",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(_rolls_out(steps=_SMOKE), is_ready(1)),
            Move(wants("2")),
        ),
        goal=is_ready(2),
    ),
    Scenario(
        name="Pods move with shares",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(_grows, is_ready(1)),
            Move(wants("2"), _has_grown),
        ),
        goal=is_ready(2),
    ),
    Scenario(
        name="a program at each step",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(_rolls_out(analysis={"checks": [_CHECK]}), is_ready(1)),
            Move(wants("2")),
        ),
        goal=is_ready(2),
        judge=_asked_once,
    ),
)
