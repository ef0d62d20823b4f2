"""Namespaces with endpoints in them, a stand-in for their kubelets, and a team that commits."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bench.endpoints.routers import Fleet
from bench.training.teams import until
from comal_operator.core.conditions import is_true
from crash.cluster import Cluster, Mirror
from crash.scenario import Stage
from crash.standin.controllers import Controllers
from crash.standin.deployments import Kubelet
from crash.standin.jobs import Script
from crash.standin.routers import Routers

VERSIONS = ("1", "2")
_MODEL = "diabetes"
_SPEC: dict[str, Any] = {
    "replicas": 1,
    "rollout": {
        "steps": [{"percent": "10", "for": "5s"}, {"percent": "50", "for": "5s"}],
        "drain": "2s",
        "bake": "5s",
    },
}


@dataclass
class Tenant:
    """One namespace."""

    stage: Stage
    ready: dict[str, str] = field(default_factory=dict)
    """By endpoint: the version that Git asks for, once it serves and nothing is under way."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """Note which version serves."""
        body = event["object"]
        if body["kind"] == "ModelDeployment":
            self.ready[body["metadata"]["name"]] = _served(body)

    async def register(self) -> None:
        """Register both versions of the model."""
        for version in VERSIONS:
            digest = hashlib.sha256(f"{_MODEL} {version}".encode()).hexdigest()
            spec = {
                "model": _MODEL,
                "version": version,
                "digest": f"sha256:{digest}",
                "format": "onnx",
                "contract": "data-matrix",
                "registry": "default",
                "location": f"http://comal-registry-default:5001/models/{_MODEL}",
                "lineage": {"run": {"name": f"run-{version}", "uid": f"uid-{version}"}},
            }
            await self.stage.create("ModelVersion", f"{_MODEL}-v{version}", spec)

    async def deploy(self, name: str) -> None:
        """Create an endpoint of the first version."""
        model = {"name": _MODEL, "version": VERSIONS[0]}
        await self.stage.create("ModelDeployment", name, {**_SPEC, "model": model})

    async def want(self, name: str, version: str) -> None:
        """Ask for another version, by a rollout."""
        await self.stage.change("ModelDeployment", name, {"model": {"version": version}})


def _served(body: Mapping[str, Any]) -> str:
    status = body.get("status") or {}
    if status.get("observedGeneration") != body["metadata"]["generation"]:
        return ""
    at_work = any(status.get(one) for one in ("candidate", "previous", "draining"))
    if at_work or not is_true(status.get("conditions"), "Ready"):
        return ""
    return str(status["stable"]["modelVersion"]).removeprefix(f"{_MODEL}-v")


@asynccontextmanager
async def tenant(
    cluster: Cluster, mirror: Mirror, fleet: Fleet, name: str
) -> AsyncIterator[Tenant]:
    """Make a namespace, with kubelets and routers for as long as the block lasts."""
    await cluster.create_namespace(name)
    one, script = Tenant(Stage(cluster, mirror, name)), Script()
    routers = Routers(mirror, name, script)
    fleet.serve(name, routers.ask)
    unlisten = mirror.listen(name, one.hear)
    kubelet = Kubelet(script, lambda: datetime.now(UTC), address=fleet.address)
    controllers = Controllers(cluster, mirror, name, kubelet)
    try:
        await one.register()
        yield one
    finally:
        unlisten()
        routers.close()
        await controllers.close()
    if controllers.faults:
        raise AssertionError("a stand-in failed") from controllers.faults[0]
    if routers.overtaken:
        raise AssertionError(f"a share rose too early: {routers.overtaken[0]}")


async def all_serve(wanted: Iterable[tuple[Tenant, str, str]], patience: float) -> None:
    """Wait until each endpoint serves that version; raise TimeoutError."""
    left = list(wanted)

    def holds() -> bool:
        left[:] = [one for one in left if one[0].ready.get(one[1]) != one[2]]
        return not left

    await until(holds, patience)
