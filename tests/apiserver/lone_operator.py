"""A whole operator alone against the API server: what its tests stand in for, and how they wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from apiserver.server import Client

RUN = {
    "apiVersion": "comal.dev/v1alpha1",
    "kind": "TrainingRun",
    "metadata": {"name": "churn"},
    "spec": {"steps": [{"name": "train", "command": ["train"]}]},
}


class Free:
    """A fence for one who is alone."""

    def remaining(self) -> float:
        """Return that there is time."""
        return 60.0


async def until(look: Callable[[], Any]) -> Any:
    """Return what `look` finds, once it does."""
    for _ in range(300):
        found = await asyncio.to_thread(look)
        if found:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("never")


def running_pod(
    admin: Client,
    namespace: str,
    job: dict[str, Any],
    *,
    node: str | None = None,
    finalizers: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Do what the Job controller, the scheduler (if a `node` is named) and a kubelet do."""
    template, owner = job["spec"]["template"], job["metadata"]
    reference = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": owner["name"],
        "uid": owner["uid"],
        "controller": True,
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{owner['name']}-x1",
            "labels": template["metadata"]["labels"],
            "ownerReferences": [reference],
            "finalizers": list(finalizers),
        },
        "spec": {**template["spec"], **({"nodeName": node} if node else {})},
    }
    made = admin.post(f"/api/v1/namespaces/{namespace}/pods", pod)
    path = f"/api/v1/namespaces/{namespace}/pods/{made['metadata']['name']}"
    return admin.merge(f"{path}/status", {"status": {"phase": "Running"}})
