"""Runs that ended long ago: copies of one that really did, with all that it left behind."""

from __future__ import annotations

import asyncio
import copy

from bench.training.teams import Team
from crash.cluster import Body, Cluster
from crash.standin.controllers import LABEL_RUN

_SIDE_BY_SIDE = 24
_LEFT_BEHIND = ("Job", "Pod", "PersistentVolumeClaim", "ConfigMap")
# The API server writes these into a Job and its Pods.
_FROM_THE_JOB = (
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
)
_OWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink")


async def copy_often(team: Team, run: str, count: int, namespace: str) -> None:
    """Put `count` copies of an ended run and its children into a namespace without kubelets."""
    await team.cluster.create_namespace(namespace)
    original = team.mirror.get("TrainingRun", team.name, run)
    if original is None:
        raise LookupError(f"there is no run {run}")
    uid = original["metadata"]["uid"]
    children = [
        body
        for kind in _LEFT_BEHIND
        for body in team.mirror.all(team.name, kind)
        if (body["metadata"].get("labels") or {}).get(LABEL_RUN) == run
    ]
    room = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one(number: int) -> None:
        copied = f"{run}-{number:05}"
        async with room:
            made = await _put(team.cluster, _copy(original, copied, namespace))
            uids = {uid: made["metadata"]["uid"]}
            for child in children:
                name = f"{child['metadata']['name'][:50]}-{number:05}"
                body = _copy(child, name, namespace, run=copied)
                for owner in body["metadata"].get("ownerReferences") or ():
                    owner["uid"] = uids.get(owner["uid"], owner["uid"])
                uids[child["metadata"]["uid"]] = (await _put(team.cluster, body))["metadata"]["uid"]

    await asyncio.gather(*(one(number) for number in range(count)))


def _copy(original: Body, name: str, namespace: str, run: str = "") -> Body:
    body = copy.deepcopy(original)
    meta = {key: value for key, value in body["metadata"].items() if key not in _OWN}
    body["metadata"] = meta | {"name": name, "namespace": namespace}
    for labelled in (body, *([body["spec"]["template"]] if body["kind"] == "Job" else [])):
        labels = labelled["metadata"].get("labels") or {}
        for key in _FROM_THE_JOB:
            labels.pop(key, None)
        if LABEL_RUN in labels:
            labels[LABEL_RUN] = run
    if body["kind"] == "Job":
        body["spec"].pop("selector", None)
    return body


async def _put(cluster: Cluster, body: Body) -> Body:
    status = body.pop("status", None)
    made = await cluster.create(body)
    if made is None:
        raise LookupError(f"{body['kind']} {body['metadata']['name']} was there already")
    if status is not None:
        await cluster.merge(made, {"status": status}, "status")
    return made
