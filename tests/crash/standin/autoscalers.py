"""Stands in for the HorizontalPodAutoscaler controller, and sees who else takes Pods away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comal_operator.core.serving.autoscaling import HORIZONTAL_POD_AUTOSCALER
from crash.cluster import Cluster, Mirror
from crash.standin.jobs import Script


async def sync_autoscalers(
    cluster: Cluster, mirror: Mirror, namespace: str, script: Script
) -> None:
    """Bring every Deployment that has an autoscaler to what the load wants."""
    for scaler in list(mirror.all(namespace, HORIZONTAL_POD_AUTOSCALER)):
        spec = scaler["spec"]
        deployment = mirror.get("Deployment", namespace, spec["scaleTargetRef"]["name"])
        # One at 0 is left alone, as by the real controller.
        if deployment is None or not deployment["spec"]["replicas"]:
            continue
        wanted = max(spec["minReplicas"], min(spec["maxReplicas"], script.busy_pods))
        if deployment["spec"]["replicas"] != wanted:
            await cluster.merge(deployment, {"spec": {"replicas": wanted}}, "scale")


class Shrinking:
    """Whoever gives a busy revision fewer Pods without emptying it has done wrong."""

    def __init__(self, mirror: Mirror, namespace: str, script: Script) -> None:
        self._mirror = mirror
        self._busy = script.busy_pods
        self._pods: dict[str, int] = {}
        self.seen: list[str] = []
        self._unlisten = mirror.listen(namespace, self._hear)

    def close(self) -> None:
        """Stop listening."""
        self._unlisten()

    def _hear(self, event: Mapping[str, Any]) -> None:
        body = event["object"]
        if body["kind"] != "Deployment" or self._busy == 1:
            return
        uid, pods = body["metadata"]["uid"], body["spec"]["replicas"]
        before = self._pods.get(uid, 0)
        self._pods[uid] = pods
        # The autoscaler itself goes from more to what the load wants.
        if 0 < pods < min(before, self._busy):
            self.seen.append(f"{body['metadata']['name']} went from {before} to {pods} Pods")
