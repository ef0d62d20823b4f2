"""Namespaces with runs in them, a stand-in for their kubelets, and what people do there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from apiserver.server import ApiServer
from comal_operator.api.meta import API_VERSION
from comal_operator.core.conditions import is_true
from crash.cluster import Body, Cluster, Mirror
from crash.standin.controllers import LABEL_RUN, Controllers
from crash.standin.deployments import Kubelet
from crash.standin.jobs import Ending, Script

# A run's step ends as soon as it starts, or never.
LIVE_STEP = "serve-out-the-day"
_POLL = 0.05
_MIRRORED = ("TrainingRun", "ModelVersion", "ModelRegistry", "Job", "Pod", "Service")
_MIRRORED_TOO = ("PersistentVolumeClaim", "Deployment", "ConfigMap", "EndpointSlice", "Secret")

STEP: Body = {"name": "train", "args": ["diabetes", "train"]}
SHORT_SPEC: Body = {"workspace": {"size": "64Mi"}, "steps": [STEP]}
LIVE_SPEC: Body = {"workspace": {"size": "64Mi"}, "steps": [{**STEP, "name": LIVE_STEP}]}
GATED_SPEC: Body = {
    **SHORT_SPEC,
    "steps": [STEP, {"name": "evaluate", "args": ["diabetes", "evaluate"]}],
    "gate": {"metric": "mse", "goal": "Minimize", "threshold": "5000"},
    "register": {"model": "diabetes"},
}


class LongScript(Script):
    """The steps that never end are known by their name."""

    def ending(self, run: str, step: str, attempt: int, measured: str | None = None) -> Ending:
        """Return how the step's container ends."""
        if step == LIVE_STEP:
            return Ending(stays=True)
        return super().ending(run, step, attempt, measured)


@dataclass
class Team:
    """One namespace."""

    cluster: Cluster
    mirror: Mirror
    name: str
    begun: dict[str, float] = field(default_factory=dict)
    """When the first Job of each run was seen."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """Note the first Job of each run."""
        body = event["object"]
        if body["kind"] == "Job" and event["type"] == "ADDED":
            self.begun.setdefault(body["metadata"]["labels"][LABEL_RUN], time.monotonic())

    async def start(self, run: str, spec: Body) -> None:
        """Create a TrainingRun."""
        meta = {"name": run, "namespace": self.name}
        await self.cluster.create(
            {"apiVersion": API_VERSION, "kind": "TrainingRun", "metadata": meta, "spec": spec}
        )

    async def waited(self, run: str, spec: Body) -> float:
        """Create a TrainingRun; return the seconds until its first Job was there."""
        since = time.monotonic()
        await self.start(run, spec)
        await until(lambda: run in self.begun)
        return self.begun[run] - since

    async def until_ended(self, run: str) -> None:
        """Wait until that run is Complete."""
        await until(lambda: self.has_ended(run))

    def has_ended(self, run: str) -> bool:
        """Return whether that run is Complete."""
        body = self.mirror.get("TrainingRun", self.name, run) or {}
        return is_true((body.get("status") or {}).get("conditions"), "Complete")


@asynccontextmanager
async def mirrored(server: ApiServer, *kinds: str) -> AsyncIterator[tuple[Cluster, Mirror]]:
    """Follow what the bench acts on: objects of `kinds` too."""
    cluster = Cluster(server)
    mirror = Mirror(cluster, (*_MIRRORED, *_MIRRORED_TOO, *kinds))
    await mirror.start()
    try:
        yield cluster, mirror
    finally:
        await mirror.stop()
        await cluster.close()


@asynccontextmanager
async def team(cluster: Cluster, mirror: Mirror, name: str) -> AsyncIterator[Team]:
    """Make a namespace, with a kubelet for as long as the block lasts."""
    await cluster.create_namespace(name)
    one = Team(cluster, mirror, name)
    unlisten = mirror.listen(name, one.hear)
    kubelet = Kubelet(LongScript(), lambda: datetime.now(UTC))
    controllers = Controllers(cluster, mirror, name, kubelet)
    try:
        yield one
    finally:
        unlisten()
        await controllers.close()
        if controllers.faults:
            raise AssertionError("a stand-in failed") from controllers.faults[0]


async def until(holds: Callable[[], bool], patience: float = 900.0) -> None:
    """Wait until `holds`; raise TimeoutError after `patience` seconds."""
    give_up = time.monotonic() + patience
    while not holds():
        if time.monotonic() > give_up:
            raise TimeoutError("what the bench waits for did not come")
        await asyncio.sleep(_POLL)
