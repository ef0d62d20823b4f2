"""The cluster around the operator: Jobs end, claims bind, Deployments get Pods, orphans go.

Stand-ins, for speed: a crash scenario takes a second, where real Pods would take minutes. The API
server is real, so creation, conflicts, preconditions and admission are; the real kubelet and
controllers are in the cluster stories.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from typing import Any

from comal_operator.core.children import is_ours
from comal_operator.core.serving.autoscaling import HORIZONTAL_POD_AUTOSCALER
from crash.cluster import Cluster, Mirror
from crash.standin import azure
from crash.standin.autoscalers import sync_autoscalers
from crash.standin.deployments import Kubelet, sync_deployment, sync_slices
from crash.standin.garbage import collect, orphans
from crash.standin.jobs import Ending, carry_out_job, step_of

LABEL_RUN = "comal.dev/training-run"


class Controllers:
    """Acts on one namespace's events until closed."""

    def __init__(self, cluster: Cluster, mirror: Mirror, namespace: str, kubelet: Kubelet) -> None:
        self._cluster = cluster
        self._mirror = mirror
        self._namespace = namespace
        self._kubelet = kubelet
        self._tasks: set[asyncio.Task[None]] = set()
        self._syncing: dict[str, bool] = {}
        self._gone: set[str] = set()
        self._doomed: set[str] = set()
        self._attempts: dict[tuple[str, str], int] = {}
        self._heard = time.monotonic()
        self._unlisten = mirror.listen(namespace, self._hear)
        self.faults: list[BaseException] = []

    def is_idle(self) -> bool:
        """Return whether nothing is under way."""
        return not self._tasks

    async def close(self) -> None:
        """Stop acting."""
        self._unlisten()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _hear(self, event: Mapping[str, Any]) -> None:
        body, kind = event["object"], event["object"]["kind"]
        self._heard = time.monotonic()
        if event["type"] == "DELETED":
            self._gone.add(body["metadata"]["uid"])
        lost = orphans(
            [body] if event["type"] != "DELETED" else self._mirror.all(self._namespace), self._gone
        )
        for orphan in lost:
            if orphan["metadata"]["uid"] not in self._doomed:
                self._doomed.add(orphan["metadata"]["uid"])
                self._spawn(self._collect(orphan))
        if event["type"] == "ADDED" and kind == "Job":
            self._start_job(body)
        if event["type"] == "ADDED" and kind == "PersistentVolumeClaim":
            self._bind(body)
        if kind == "PersistentVolumeClaim" and body["metadata"].get("deletionTimestamp"):
            # The protection of claims that are in use; ours never are.
            self._spawn(self._cluster.merge(body, {"metadata": {"finalizers": None}}))
        if kind in ("Deployment", "Pod", "Service", "Secret"):
            self._sync_soon("Deployment")
        if kind in ("Deployment", HORIZONTAL_POD_AUTOSCALER):
            self._sync_soon("Autoscaler")
        # Its own slices too: one that was made late must still get the endpoints of now.
        if kind in ("Pod", "Service", "EndpointSlice"):
            self._sync_soon("EndpointSlice")

    async def _collect(self, orphan: Mapping[str, Any]) -> None:
        await collect(self._cluster, orphan, lambda: time.monotonic() - self._heard)
        self._doomed.discard(orphan["metadata"]["uid"])

    def _bind(self, claim: dict[str, Any]) -> None:
        self._spawn(self._cluster.merge(claim, {"status": {"phase": "Bound"}}, "status"))

    def _start_job(self, job: dict[str, Any]) -> None:
        if step_of(job) == azure.COMPONENT:
            self._start_call(job)
            return
        # A Job that tries a candidate is of no run.
        key = (job["metadata"]["labels"].get(LABEL_RUN, ""), step_of(job))
        attempt = self._attempts.get(key, 0)
        run = self._mirror.get("TrainingRun", self._namespace, key[0]) or {}
        # What a frozen operator makes for a run that is gone is nobody's attempt.
        if not key[0] or (run and is_ours(job, run)):
            self._attempts[key] = attempt + 1
        gate = (run.get("status") or {}).get("gate") or {}
        ending = self._kubelet.script.ending(*key, attempt, gate.get("measured"))
        self._spawn(carry_out_job(self._cluster, job, ending, attempt))

    def _start_call(self, job: dict[str, Any]) -> None:
        key = azure.call_of(job)
        attempt = self._attempts.get(key, 0)
        self._attempts[key] = attempt + 1
        answer = azure.answer_of(job, attempt, self._kubelet.script.refused_records)
        self._spawn(carry_out_job(self._cluster, job, Ending(message=answer), attempt))

    def _sync_soon(self, what: str) -> None:
        """Do that work unless it is under way; then once more after that."""
        if what in self._syncing:
            self._syncing[what] = True
            return
        self._syncing[what] = False
        self._spawn(self._sync(what))

    async def _sync(self, what: str) -> None:
        match what:
            case "Deployment":
                await self._sync_deployments()
            case "EndpointSlice":
                await sync_slices(self._cluster, self._mirror, self._namespace)
            case _:
                script = self._kubelet.script
                await sync_autoscalers(self._cluster, self._mirror, self._namespace, script)
        if self._syncing.pop(what):
            self._sync_soon(what)

    async def _sync_deployments(self) -> None:
        for deployment in list(self._mirror.all(self._namespace, "Deployment")):
            await sync_deployment(self._cluster, self._mirror, deployment, self._kubelet)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.faults.append(fault)
