"""The second oracle: what a walk led to is what a plain way leads to, in a namespace of its own.

There, every run that ended is made once more with its last spec, and nobody disturbs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from comal_operator.core.conditions import find, is_true
from comal_operator.core.reasons import RunReason
from crash.cluster import Body
from crash.recorder import differences
from walk.cluster_around import PART, Part
from walk.moves import Create, DeleteRun
from walk.specs import Spec
from walk.walk import FoundWrongError, Stage, recover, staged

# Ends that the time or a person brought about, not the spec.
_BY_TIME = frozenset({RunReason.PENDING_TIMEOUT, RunReason.RUNNING_TIMEOUT, RunReason.STEP_STALLED})
_CHILDREN = ("ConfigMap", "NetworkPolicy", "PersistentVolumeClaim", "Service", "ServiceAccount")
_OF_ATTEMPTS = ("evaluations", "measured")


async def compare(stage: Stage) -> int:
    """Return how many runs ended alike on the plain way; raise FoundWrongError if one did not."""
    again = list(_to_repeat(stage))
    if not again:
        return 0
    async with staged(stage.theatre) as plain:
        await recover(plain)
        for number, run in enumerate(again):
            await _repeat(stage, plain, run, str(number))
        for number, run in enumerate(again):
            found = _first(_end(run), _end(_of_part(plain, str(number))))
            if found:
                raise FoundWrongError(f"run {run['metadata']['name']} ends otherwise: {found}")
        _compare_children(stage, plain)
    return len(again)


def _to_repeat(stage: Stage) -> Iterator[Body]:
    """Yield the runs that ended, in order, up to the first whose end cannot be repeated."""
    told = {body["status"].get("modelVersion") for _, body in stage.ends}
    there = stage.scene.mirror.all(stage.scene.namespace, "ModelVersion")
    if any(one["metadata"]["name"] not in told for one in there):
        # Its run was deleted before it could say so.
        return
    for uid, body in stage.ends:
        if uid not in stage.scene.sent:
            continue
        if _is_by_itself(stage, uid, body):
            yield body
        elif body["status"].get("modelVersion"):
            return


def _is_by_itself(stage: Stage, uid: str, body: Body) -> bool:
    spec, conditions = body["spec"], body["status"]["conditions"]
    ready = find(conditions, "Ready") or {}
    if ready.get("reason") in _BY_TIME or spec.get("cancel"):
        return False
    if stage.scene.hours and any(one.get("timeouts") for one in spec["steps"]):
        return False
    budget = min((one.get("retry") or {}).get("interruptions", 20) for one in spec["steps"])
    return uid not in stage.scene.around.disturbed or budget == 20


async def _repeat(stage: Stage, plain: Stage, run: Body, number: str) -> None:
    name = run["metadata"]["name"]
    await DeleteRun(name).do(plain.scene)
    await plain.rest()
    part = stage.scene.around.parts[_part(run)]
    spec: Spec = {**run["spec"], "suspend": False}
    released = Part(part.metrics, part.endings)
    await Create(name, spec, released, number).do(plain.scene)
    await plain.rest()


def _first(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Return the first few differences; empty if there are none."""
    return "; ".join(differences(one, other)[:4])


def _of_part(plain: Stage, number: str) -> Body:
    """Return the run of that number as it ended; raise FoundWrongError if it has not."""
    sent = plain.scene.sent
    ends: list[Body] = [one for uid, one in plain.ends if uid in sent and _part(one) == number]
    if not ends:
        raise FoundWrongError(f"run {number} does not end undisturbed")
    return ends[0]


def _part(run: Body) -> str:
    part: str = run["metadata"]["annotations"][PART]
    return part


def _end(run: Body) -> Mapping[str, Any]:
    """Return what must be the same of two runs that ended."""
    status = run["status"]
    failed = is_true(status["conditions"], "Failed")
    conditions = {
        one["type"]: (one["status"], one["reason"], "" if failed else one["message"])
        for one in status["conditions"]
    }
    gate = {k: v for k, v in (status.get("gate") or {}).items() if k not in _OF_ATTEMPTS}
    kept = ("metric", "metrics", "modelVersion", "data")
    found = {name: status.get(name) for name in kept} | {"conditions": conditions, "gate": gate}
    modes = (run["spec"].get("workspace") or {}).get("accessModes") or ()
    if not (failed and "ReadWriteMany" in modes):
        # Steps side by side are stopped wherever they are when one fails.
        found["steps"] = [_step(one) for one in status.get("steps") or ()]
    trials = (status.get("sweep") or {}).get("trials") or ()
    found["trials"] = [(one["parameters"], one["state"], one.get("value")) for one in trials]
    return found


def _step(step: Body) -> Mapping[str, Any]:
    # Whose outputs were there first depends on what else was made.
    state = "Succeeded" if step["state"] == "Cached" else step["state"]
    kept = ("name", "failures", "exitCode", "outputsDigest")
    return {"state": state, **{name: step.get(name) for name in kept}}


def _compare_children(stage: Stage, plain: Stage) -> None:
    """Compare what belongs to the runs that are in both namespaces; raise FoundWrongError."""
    both = [
        name for name in ("a", "b", "r" * 40) if _ended_run(stage, name) and _ended_run(plain, name)
    ]
    one, other = (_children(place, both) for place in (stage, plain))
    if found := _first(one, other):
        raise FoundWrongError(f"what runs {both} have is not the same: {found}")


def _ended_run(stage: Stage, name: str) -> bool:
    run = stage.scene.run(name)
    if run is None or run["spec"].get("ttl") or run["spec"].get("sweep"):
        return False
    known = {uid for uid, _ in stage.ends}
    return run["metadata"]["uid"] in known and not run["spec"].get("cancel")


def _children(stage: Stage, runs: list[str]) -> Mapping[str, Any]:
    found = {}
    for key, body in stage.recorder.snapshot().items():
        meta = body["metadata"]
        owners = [one["name"] for one in meta.get("ownerReferences") or ()]
        # Other ConfigMaps are entries of the cache, and logs of attempts.
        is_other = body["kind"] == "ConfigMap" and "-parameters-" not in key
        if body["kind"] in _CHILDREN and not is_other and set(owners) & set(runs):
            found[key] = body
    return found
