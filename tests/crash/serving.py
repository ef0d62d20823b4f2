"""Stories of ModelDeployments."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from crash.recorder import Recorder
from crash.scenario import Move, Scenario, Stage
from crash.standin.jobs import Script

_NAME = "endpoint"
Do = Callable[[Stage], Awaitable[None]]
When = Callable[[Stage], bool]


def _version(number: int) -> Do:
    digest = hashlib.sha256(f"diabetes {number}".encode()).hexdigest()
    spec = {
        "model": "diabetes",
        "version": str(number),
        "digest": f"sha256:{digest}",
        "format": "onnx",
        "contract": "data-matrix",
        "registry": "default",
        "location": "http://comal-registry-default:5001/models/diabetes",
        "lineage": {"run": {"name": f"run-{number}", "uid": f"uid-{number}"}},
    }
    return lambda stage: stage.create("ModelVersion", f"diabetes-v{number}", spec)


def _versions(*numbers: int) -> tuple[Move, ...]:
    return tuple(Move(_version(number)) for number in numbers)


_STEPS = ({"percent": "10", "for": "5s"}, {"percent": "50", "for": "5s"})
_APPROVED = ({"percent": "10", "approval": "Required"}, {"percent": "50", "for": "5s"})


def _deploy(patience: str = "10m", steps: tuple[dict[str, str], ...] = _STEPS, **model: Any) -> Do:
    spec = {
        "model": {"name": "diabetes", **(model or {"version": "1"})},
        "replicas": 1,
        "predictor": {"startupTimeout": patience},
        "rollout": {
            "steps": list(steps),
            "drain": "2s",
            "bake": "5s",
        },
    }
    return lambda stage: stage.create("ModelDeployment", _NAME, spec)


def _asks(verb: str, role: str = "candidate") -> Do:
    """Return the move of a person who asks by annotation, and of a tool that takes it away."""

    async def do(stage: Stage) -> None:
        body = stage.get("ModelDeployment", _NAME) or {}
        revision = _status(stage)[role]["revision"]
        request = {"comal.dev/request": f"{verb}@{revision}#1", "comal.dev/requested-by": "alice"}
        await stage.cluster.merge(body, {"metadata": {"annotations": request}})

    return do


async def _strips(stage: Stage) -> None:
    """Take the annotation away, as a GitOps tool does that finds it not in Git."""
    body = stage.get("ModelDeployment", _NAME) or {}
    gone = {"comal.dev/request": None, "comal.dev/requested-by": None}
    await stage.cluster.merge(body, {"metadata": {"annotations": gone}})


def _is(reason: str) -> When:
    """Return the predicate that this is the reason of Ready."""

    def holds(stage: Stage) -> bool:
        conditions = _status(stage).get("conditions") or ()
        return any(one["type"] == "Ready" and one["reason"] == reason for one in conditions)

    return holds


def _wants(version: str) -> Do:
    spec = {"model": {"version": version}}
    return lambda stage: stage.change("ModelDeployment", _NAME, spec)


def _status(stage: Stage) -> dict[str, Any]:
    return (stage.get("ModelDeployment", _NAME) or {}).get("status") or {}


def _serves(version: int) -> When:
    """Return the predicate that this version serves and everything has come to rest."""

    def holds(stage: Stage) -> bool:
        status = _status(stage)
        serves = (status.get("stable") or {}).get("modelVersion") == f"diabetes-v{version}"
        at_work = any(status.get(one) for one in ("candidate", "previous", "draining"))
        return serves and not at_work

    return holds


def _is_ready(version: int) -> When:
    """Return the predicate that this version serves, is Ready, and nothing is under way."""

    def holds(stage: Stage) -> bool:
        return _serves(version)(stage) and stage.condition("ModelDeployment", _NAME, "Ready")

    return holds


def _has_weight(version: int, weight: str) -> When:
    def holds(stage: Stage) -> bool:
        status = _status(stage)
        named = (status.get("candidate") or {}).get("modelVersion") == f"diabetes-v{version}"
        return named and status.get("weight") == weight

    return holds


def _is_waiting(stage: Stage) -> bool:
    return bool(_status(stage).get("conditions"))


def _is_gone(stage: Stage) -> bool:
    return stage.get("ModelDeployment", _NAME) is None


def _deletes(kind: str, name: str) -> Do:
    return lambda stage: stage.delete(kind, name)


async def _stranger(stage: Stage) -> None:
    """Make a Service of somebody else's that has the endpoint's name."""
    meta = {"name": _NAME, "namespace": stage.namespace}
    spec = {"selector": {"app": "theirs"}, "ports": [{"port": 80}]}
    body = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}
    await stage.cluster.create(body)


async def _scorer_dies(stage: Stage) -> None:
    for pod in stage.all("Pod"):
        if pod["metadata"]["labels"]["app.kubernetes.io/component"] == "scorer":
            await stage.delete("Pod", pod["metadata"]["name"])
            return


def _heard(*verbs: str) -> Callable[[Stage, Recorder], str]:
    """Return the judge that wants each of these requests heard once, newest first."""

    def judge(stage: Stage, recorder: Recorder) -> str:
        del recorder
        requests = _status(stage).get("requests") or ()
        found = [one["request"].partition("@")[0] for one in requests]
        refused = [one["refused"] for one in requests if "refused" in one]
        return "" if found == list(verbs) and not refused else f"heard {found}, refused {refused}"

    return judge


SERVING = (
    Scenario(name="deploy first", moves=(*_versions(1), Move(_deploy())), goal=_is_ready(1)),
    Scenario(
        name="model comes late",
        moves=(Move(_deploy()), Move(_version(1), _is_waiting)),
        goal=_is_ready(1),
    ),
    Scenario(
        name="canary promoted",
        moves=(*_versions(1, 2), Move(_deploy()), Move(_wants("2"), _is_ready(1))),
        goal=_is_ready(2),
    ),
    Scenario(
        name="routers are slow",
        moves=(
            *_versions(1, 2, 3),
            Move(_deploy()),
            Move(_wants("2"), _is_ready(1)),
            Move(_wants("1"), _has_weight(2, "50")),
        ),
        goal=_is_ready(1),
        script=Script(router_lag=0.8),
    ),
    Scenario(
        name="name is taken",
        moves=(*_versions(1), Move(_stranger), Move(_deploy())),
        goal=lambda stage: stage.condition("ModelDeployment", _NAME, "Stalled"),
    ),
    Scenario(
        name="latest follows",
        moves=(*_versions(1), Move(_deploy(latest=True)), Move(_version(2), _is_ready(1))),
        goal=_is_ready(2),
    ),
    Scenario(
        name="candidate never ready",
        moves=(*_versions(1, 2), Move(_deploy("15s")), Move(_wants("2"), _is_ready(1))),
        goal=lambda stage: bool(_status(stage).get("rejected")) and _serves(1)(stage),
        script=Script(never_ready=frozenset({"2"})),
    ),
    Scenario(
        name="third version midway",
        moves=(
            *_versions(1, 2, 3),
            Move(_deploy()),
            Move(_wants("2"), _is_ready(1)),
            Move(_wants("3"), _has_weight(2, "10")),
        ),
        goal=_is_ready(3),
    ),
    Scenario(
        name="back to stable",
        moves=(
            *_versions(1, 2),
            Move(_deploy()),
            Move(_wants("2"), _is_ready(1)),
            Move(_wants("1"), _has_weight(2, "10")),
        ),
        goal=_is_ready(1),
    ),
    Scenario(
        name="endpoint deleted midway",
        moves=(
            *_versions(1, 2),
            Move(_deploy()),
            Move(_wants("2"), _is_ready(1)),
            Move(_deletes("ModelDeployment", _NAME), _has_weight(2, "10")),
            Move(_deploy(), _is_gone),
        ),
        goal=_is_ready(1),
    ),
    Scenario(
        name="scoring Pod dies",
        moves=(
            *_versions(1, 2),
            Move(_deploy()),
            Move(_wants("2"), _is_ready(1)),
            Move(_scorer_dies, _has_weight(2, "10")),
        ),
        goal=_is_ready(2),
    ),
    Scenario(
        name="router deleted",
        moves=(
            *_versions(1),
            Move(_deploy()),
            Move(_deletes("Deployment", f"{_NAME}-router"), _is_ready(1)),
        ),
        goal=lambda stage: (
            _is_ready(1)(stage) and stage.get("Deployment", f"{_NAME}-router") is not None
        ),
    ),
    Scenario(
        name="aborted by a person",
        moves=(
            *_versions(1, 2),
            Move(_deploy()),
            Move(_wants("2"), _is_ready(1)),
            Move(_asks("abort"), _has_weight(2, "10")),
            Move(_strips, _is("RolledBack")),
        ),
        goal=lambda stage: bool(_status(stage).get("rejected")) and _serves(1)(stage),
        judge=_heard("abort"),
    ),
    Scenario(
        name="paused and resumed",
        moves=(
            *_versions(1, 2),
            Move(_deploy()),
            Move(_wants("2"), _is_ready(1)),
            Move(_asks("pause"), _has_weight(2, "10")),
            Move(_strips, _is("Paused")),
            Move(_asks("resume"), _is("Paused")),
        ),
        goal=_is_ready(2),
        judge=_heard("resume", "pause"),
    ),
    Scenario(
        name="waits for approval",
        moves=(
            *_versions(1, 2),
            Move(_deploy(steps=_APPROVED)),
            Move(_wants("2"), _is_ready(1)),
            Move(_asks("approve"), _is("AwaitingApproval")),
        ),
        goal=_is_ready(2),
        judge=_heard("approve"),
    ),
    Scenario(
        name="rolled back while baking",
        moves=(
            *_versions(1, 2),
            Move(_deploy()),
            Move(_wants("2"), _is_ready(1)),
            Move(_asks("rollback", "stable"), _is("Baking")),
        ),
        goal=lambda stage: bool(_status(stage).get("rejected")) and _serves(1)(stage),
        judge=_heard("rollback"),
    ),
)
