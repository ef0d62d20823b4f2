"""Stories of ModelDeployments."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from crash.recorder import Recorder
from crash.scenario import Move, Scenario, Stage
from crash.standin.jobs import Script

NAME = "endpoint"
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


def versions(*numbers: int) -> tuple[Move, ...]:
    return tuple(Move(_version(number)) for number in numbers)


_STEPS = ({"percent": "10", "for": "5s"}, {"percent": "50", "for": "5s"})
_APPROVED = ({"percent": "10", "approval": "Required"}, {"percent": "50", "for": "5s"})


def deploys(
    patience: str = "10m",
    steps: tuple[dict[str, str], ...] = _STEPS,
    resources: dict[str, Any] | None = None,
    **model: Any,
) -> Do:
    """Return the move that creates the endpoint, with a short rollout."""
    spec = {
        "model": {"name": "diabetes", **(model or {"version": "1"})},
        "replicas": 1,
        "predictor": {"startupTimeout": patience, "resources": resources or {}},
        "rollout": {
            "steps": list(steps),
            "drain": "2s",
            "bake": "5s",
        },
    }
    return lambda stage: stage.create("ModelDeployment", NAME, spec)


def asks(verb: str, role: str = "candidate") -> Do:
    """Return the move of a person who asks by annotation about who has that role."""

    async def do(stage: Stage) -> None:
        body = stage.get("ModelDeployment", NAME) or {}
        named = status_of(stage)[role]
        revision = (named if isinstance(named, dict) else named[0])["revision"]
        request = {"comal.dev/request": f"{verb}@{revision}#1", "comal.dev/requested-by": "alice"}
        await stage.cluster.merge(body, {"metadata": {"annotations": request}})

    return do


async def strips(stage: Stage) -> None:
    """Take the annotation away, as a GitOps tool does that finds it not in Git."""
    body = stage.get("ModelDeployment", NAME) or {}
    gone = {"comal.dev/request": None, "comal.dev/requested-by": None}
    await stage.cluster.merge(body, {"metadata": {"annotations": gone}})


def is_(reason: str) -> When:
    """Return the predicate that this is the reason of Ready."""

    def holds(stage: Stage) -> bool:
        conditions = status_of(stage).get("conditions") or ()
        return any(one["type"] == "Ready" and one["reason"] == reason for one in conditions)

    return holds


def wants(version: str) -> Do:
    spec = {"model": {"version": version}}
    return lambda stage: stage.change("ModelDeployment", NAME, spec)


def status_of(stage: Stage) -> dict[str, Any]:
    return (stage.get("ModelDeployment", NAME) or {}).get("status") or {}


def serves(version: int) -> When:
    """Return the predicate that this version serves and everything has come to rest."""

    def holds(stage: Stage) -> bool:
        status = status_of(stage)
        serves = (status.get("stable") or {}).get("modelVersion") == f"diabetes-v{version}"
        at_work = any(status.get(one) for one in ("candidate", "previous", "draining"))
        return serves and not at_work

    return holds


def is_ready(version: int) -> When:
    """Return the predicate that this version serves, is Ready, and nothing is under way."""

    def holds(stage: Stage) -> bool:
        return serves(version)(stage) and stage.condition("ModelDeployment", NAME, "Ready")

    return holds


def has_weight(version: int, weight: str) -> When:
    def holds(stage: Stage) -> bool:
        status = status_of(stage)
        named = (status.get("candidate") or {}).get("modelVersion") == f"diabetes-v{version}"
        return named and status.get("weight") == weight

    return holds


def _is_waiting(stage: Stage) -> bool:
    return bool(status_of(stage).get("conditions"))


def _is_gone(stage: Stage) -> bool:
    return stage.get("ModelDeployment", NAME) is None


def _deletes(kind: str, name: str) -> Do:
    return lambda stage: stage.delete(kind, name)


async def _stranger(stage: Stage) -> None:
    """Make a Service of somebody else's that has the endpoint's name."""
    meta = {"name": NAME, "namespace": stage.namespace}
    spec = {"selector": {"app": "theirs"}, "ports": [{"port": 80}]}
    body = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}
    await stage.cluster.create(body)


async def _scorer_dies(stage: Stage) -> None:
    for pod in stage.all("Pod"):
        if pod["metadata"]["labels"]["app.kubernetes.io/component"] == "scorer":
            await stage.delete("Pod", pod["metadata"]["name"])
            return


def heard(*verbs: str) -> Callable[[Stage, Recorder], str]:
    """Return the judge that wants each of these requests heard once, newest first."""

    def judge(stage: Stage, recorder: Recorder) -> str:
        del recorder
        requests = status_of(stage).get("requests") or ()
        found = [one["request"].partition("@")[0] for one in requests]
        refused = [one["refused"] for one in requests if "refused" in one]
        return "" if found == list(verbs) and not refused else f"heard {found}, refused {refused}"

    return judge


SERVING = (
    Scenario(name="deploy first", moves=(*versions(1), Move(deploys())), goal=is_ready(1)),
    Scenario(
        name="model comes late",
        moves=(Move(deploys()), Move(_version(1), _is_waiting)),
        goal=is_ready(1),
    ),
    Scenario(
        name="canary promoted",
        moves=(*versions(1, 2), Move(deploys()), Move(wants("2"), is_ready(1))),
        goal=is_ready(2),
    ),
    Scenario(
        name="routers are slow",
        moves=(
            *versions(1, 2, 3),
            Move(deploys()),
            Move(wants("2"), is_ready(1)),
            Move(wants("1"), has_weight(2, "50")),
        ),
        goal=is_ready(1),
        script=Script(router_lag=0.8),
    ),
    Scenario(
        name="name is taken",
        moves=(*versions(1), Move(_stranger), Move(deploys())),
        goal=lambda stage: stage.condition("ModelDeployment", NAME, "Stalled"),
    ),
    Scenario(
        name="latest follows",
        moves=(*versions(1), Move(deploys(latest=True)), Move(_version(2), is_ready(1))),
        goal=is_ready(2),
    ),
    Scenario(
        name="candidate never ready",
        moves=(*versions(1, 2), Move(deploys("15s")), Move(wants("2"), is_ready(1))),
        goal=lambda stage: bool(status_of(stage).get("rejected")) and serves(1)(stage),
        script=Script(never_ready=frozenset({"2"})),
    ),
    Scenario(
        name="third version midway",
        moves=(
            *versions(1, 2, 3),
            Move(deploys()),
            Move(wants("2"), is_ready(1)),
            Move(wants("3"), has_weight(2, "10")),
        ),
        goal=is_ready(3),
    ),
    Scenario(
        name="back to stable",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(wants("2"), is_ready(1)),
            Move(wants("1"), has_weight(2, "10")),
        ),
        goal=is_ready(1),
    ),
    Scenario(
        name="endpoint deleted midway",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(wants("2"), is_ready(1)),
            Move(_deletes("ModelDeployment", NAME), has_weight(2, "10")),
            Move(deploys(), _is_gone),
        ),
        goal=is_ready(1),
    ),
    Scenario(
        name="scoring Pod dies",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(wants("2"), is_ready(1)),
            Move(_scorer_dies, has_weight(2, "10")),
        ),
        goal=is_ready(2),
    ),
    Scenario(
        name="router deleted",
        moves=(
            *versions(1),
            Move(deploys()),
            Move(_deletes("Deployment", f"{NAME}-router"), is_ready(1)),
        ),
        goal=lambda stage: (
            is_ready(1)(stage) and stage.get("Deployment", f"{NAME}-router") is not None
        ),
    ),
    Scenario(
        name="aborted by a person",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(wants("2"), is_ready(1)),
            Move(asks("abort"), has_weight(2, "10")),
            Move(strips, is_("RolledBack")),
        ),
        goal=lambda stage: bool(status_of(stage).get("rejected")) and serves(1)(stage),
        judge=heard("abort"),
    ),
    Scenario(
        name="paused and resumed",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(wants("2"), is_ready(1)),
            Move(asks("pause"), has_weight(2, "10")),
            Move(strips, is_("Paused")),
            Move(asks("resume"), is_("Paused")),
        ),
        goal=is_ready(2),
        judge=heard("resume", "pause"),
    ),
    Scenario(
        name="waits for approval",
        moves=(
            *versions(1, 2),
            Move(deploys(steps=_APPROVED)),
            Move(wants("2"), is_ready(1)),
            Move(asks("approve"), is_("AwaitingApproval")),
        ),
        goal=is_ready(2),
        judge=heard("approve"),
    ),
    Scenario(
        name="rolled back while baking",
        moves=(
            *versions(1, 2),
            Move(deploys()),
            Move(wants("2"), is_ready(1)),
            Move(asks("rollback", "stable"), is_("Baking")),
        ),
        goal=lambda stage: bool(status_of(stage).get("rejected")) and serves(1)(stage),
        judge=heard("rollback"),
    ),
)
