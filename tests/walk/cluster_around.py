"""The cluster around a walk: Jobs that wait to be told how they end, claims that need a class."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crash.cluster import Body, Cluster, Mirror
from crash.standin.controllers import LABEL_RUN, Controllers
from crash.standin.deployments import Kubelet
from crash.standin.jobs import (
    Ending,
    Script,
    ended_job_status,
    ended_pod_status,
    pod_of,
    running_job_status,
    running_pod_status,
    step_of,
)
from walk.answers import answer

# On a run: which part of the walk's script it plays. Whether it stays there is judged too.
PART = "walk.comal.dev/part"
_TICK = 0.03
_UNBOUND = "pod has unbound immediate PersistentVolumeClaims"


@dataclass
class Part:
    """How the Jobs of one run fare."""

    metrics: Mapping[str, str] = field(default_factory=dict)
    endings: Mapping[str, tuple[Ending, ...]] = field(default_factory=dict)
    """By step, for its first Job that ends by itself, its second, and so on; then it succeeds."""
    held: frozenset[str] = frozenset()
    """Steps that run until they are released."""
    released: bool = False


class Around(Controllers):
    """Acts on one namespace's events until closed."""

    def __init__(self, cluster: Cluster, mirror: Mirror, namespace: str, kubelet: Kubelet) -> None:
        super().__init__(cluster, mirror, namespace, kubelet)
        self.parts: dict[str, Part] = {}
        self.classes: set[str] = set()
        """The StorageClasses that there are."""
        self.live: dict[str, Body] = {}
        """Jobs whose Pods run, by uid."""
        self.starts: list[tuple[str, str, frozenset[str]]] = []
        """Of each Job of a user's step: its run's uid, the step, and those that had ended."""
        self.disturbed: set[str] = set()
        """Uids of runs whose Jobs were ended otherwise than by their script."""
        self._waiting: dict[asyncio.Task[Any], Callable[[], bool]] = {}
        """What each task waits for that acts only when somebody has."""
        self._verdicts: dict[str, Ending | None] = {}
        self._ended: dict[tuple[str, str], int] = {}

    def is_idle(self) -> bool:
        """Return whether nothing is under way but what waits for somebody."""
        return all(one in self._waiting and not self._waiting[one]() for one in self._tasks)

    def end_live(self, run: str, ending: Ending | None) -> None:
        """Let the running Jobs of the run end so; None: by the deletion of their Pods."""
        for uid, job in self.live.items():
            if job["metadata"]["labels"][LABEL_RUN] == run:
                self._verdicts[uid] = ending
                self.disturbed.add(_owner(job))

    def runs_of(self, run_uid: str) -> bool:
        """Return whether a Job of that run is running and waits for somebody."""
        return any(_owner(job) == run_uid for job in self.live.values())

    def _hear(self, event: Mapping[str, Any]) -> None:
        super()._hear(event)
        body = event["object"]
        if event["type"] == "DELETED":
            self.live.pop(body["metadata"]["uid"], None)

    def _start_job(self, job: Body) -> None:
        # The Job controller leaves a suspended one alone.
        if not job["spec"].get("suspend"):
            self._spawn(self._carry_out(job))

    def _bind(self, claim: Body) -> None:
        self._spawn(self._bound(claim))

    async def _bound(self, claim: Body) -> None:
        wanted = claim["spec"].get("storageClassName")
        if wanted is not None and wanted not in self.classes:
            await self._cluster.create(_no_class(claim, wanted))
            await self._until(lambda: wanted in self.classes or self._is_gone(claim))
        await self._cluster.merge(claim, {"status": {"phase": "Bound"}}, "status")

    async def _carry_out(self, job: Body) -> None:
        uid, owner, step = job["metadata"]["uid"], _owner(job), step_of(job)
        part = self._part(job)
        nth = self._attempts.get((owner, job["metadata"]["name"]), 0)
        self._attempts[owner, job["metadata"]["name"]] = nth + 1
        if _is_users(job):
            before = frozenset(name for run, name in self._ended if run == owner)
            self.starts.append((owner, step, before))
        pod = await self._cluster.create(pod_of(job, nth))
        if pod is None:
            return
        await self._cluster.merge(job, {"status": running_job_status(job)}, "status")
        if not self._has_volume(job):
            await self._cluster.merge(pod, {"status": _unplaced()}, "status")
            await self._until(lambda: self._has_volume(job) or self._is_gone(job))
        if _is_users(job) and step in part.held and not part.released:
            await self._cluster.merge(pod, {"status": running_pod_status(job)}, "status")
            self.live[uid] = job
            await self._until(lambda: part.released or uid in self._verdicts or self._is_gone(job))
            self.live.pop(uid, None)
        if self._is_gone(job):
            return
        ending = self._ending(job, part)
        if ending is None:
            await self._cluster.delete(pod)
            ending = Ending(143)
        else:
            await self._cluster.merge(pod, {"status": ended_pod_status(job, ending)}, "status")
        await self._cluster.merge(job, {"status": ended_job_status(job, ending)}, "status")

    def _ending(self, job: Body, part: Part) -> Ending | None:
        uid, step = job["metadata"]["uid"], step_of(job)
        if uid in self._verdicts:
            return self._verdicts.pop(uid)
        if not _is_users(job):
            run = self._mirror.get("TrainingRun", self._namespace, _run(job)) or {}
            return Ending(message=answer(job, run, part.metrics))
        key = (_owner(job), step)
        number = self._ended.get(key, 0)
        self._ended[key] = number + 1
        given = part.endings.get(step, ())
        return given[number] if number < len(given) else Ending()

    def _part(self, job: Body) -> Part:
        run = self._mirror.get("TrainingRun", self._namespace, _run(job)) or {"metadata": {}}
        number = (run["metadata"].get("annotations") or {}).get(PART, "")
        return self.parts.get(number, Part())

    def _has_volume(self, job: Body) -> bool:
        for volume in job["spec"]["template"]["spec"].get("volumes") or ():
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if name is not None and volume["name"] == "workspace":
                claim = self._mirror.get("PersistentVolumeClaim", self._namespace, name) or {}
                return bool((claim.get("status") or {}).get("phase") == "Bound")
        return True

    def _is_gone(self, body: Body) -> bool:
        return body["metadata"]["uid"] in self._gone

    async def _until(self, holds: Callable[[], bool]) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._waiting[task] = holds
        while not holds():  # noqa: ASYNC110 - what a walk waits for has no event of its own
            await asyncio.sleep(_TICK)
        del self._waiting[task]


def script() -> Script:
    """Return the script of the routers and scoring Pods, of which a walk needs none."""
    return Script()


def _run(job: Body) -> str:
    name: str = job["metadata"]["labels"][LABEL_RUN]
    return name


def _owner(job: Body) -> str:
    uid: str = job["metadata"]["ownerReferences"][0]["uid"]
    return uid


def _is_users(job: Body) -> bool:
    component = job["metadata"]["labels"]["app.kubernetes.io/component"]
    return bool(component == "training-step")


def _unplaced() -> Body:
    said = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    return {"phase": "Pending", "conditions": [{**said, "message": _UNBOUND}]}


def _no_class(claim: Body, wanted: str) -> Body:
    meta = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.1", "namespace": meta["namespace"]},
        "involvedObject": {
            "kind": claim["kind"],
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        },
        "reason": "ProvisioningFailed",
        "message": f'storageclass.storage.k8s.io "{wanted}" not found',
        "type": "Warning",
    }
