"""What the Pods of a run's Jobs show: how they ended and what keeps them from starting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from comal_operator.core.names import LABEL_STEP
from comal_operator.core.plan import Manifest, Seen
from comal_operator.core.training.jobs import CONTAINER


@dataclass(frozen=True)
class Ended:
    """How a container ended."""

    exit_code: int
    reason: str
    message: str


def pods_of(job: Manifest, seen: Seen) -> list[Manifest]:
    """Return the Pods that `job` made, oldest first; a label alone proves nothing."""
    uid = job["metadata"]["uid"]
    found = [pod for pod in seen.all("Pod") if _made_by(pod, uid)]
    return sorted(found, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))


def still_runs(step: str, seen: Seen) -> bool:
    """Return whether a Pod of the step is alive: its Job may be gone before it is."""
    return any(
        pod["metadata"].get("labels", {}).get(LABEL_STEP) == step
        and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
        for pod in seen.all("Pod")
    )


def ended(pod: Manifest) -> Ended | None:
    """Return how the step's container ended, or None while it has not."""
    state = _container(pod).get("state", {}).get("terminated")
    if not state:
        return None
    return Ended(
        int(state.get("exitCode", 0)), str(state.get("reason", "")), str(state.get("message", ""))
    )


def waiting(pod: Manifest) -> tuple[str, str]:
    """Return (reason, message) of a container that does not start; empty when it is not that."""
    state = _container(pod).get("state", {}).get("waiting") or {}
    return str(state.get("reason", "")), str(state.get("message", ""))


def unschedulable(pod: Manifest) -> str:
    """Return what the scheduler says of a Pod that it cannot place, or nothing."""
    for item in pod.get("status", {}).get("conditions") or ():
        if item.get("type") == "PodScheduled" and item.get("status") == "False":
            return str(item.get("message", "") or item.get("reason", ""))
    return ""


def _container(pod: Manifest) -> Mapping[str, Any]:
    statuses: list[Mapping[str, Any]] = pod.get("status", {}).get("containerStatuses") or []
    return next((status for status in statuses if status.get("name") == CONTAINER), {})


def _made_by(pod: Manifest, uid: str) -> bool:
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(owner.get("controller") and owner.get("uid") == uid for owner in owners)
