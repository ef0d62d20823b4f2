"""What the Pods of a run's Jobs show: how they ended and what keeps them from starting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from comal_operator.core.children import is_ours
from comal_operator.core.names import LABEL_STEP
from comal_operator.core.plan import Manifest, Seen
from comal_operator.core.training.objects import CONTAINER


@dataclass(frozen=True)
class Ended:
    """How a container ended."""

    exit_code: int
    reason: str
    message: str
    at: str = ""


def pods_of(job: Manifest, seen: Seen) -> list[Manifest]:
    """Return the Pods that `job` made, oldest first; a label alone proves nothing."""
    found = [pod for pod in seen.all("Pod") if is_ours(pod, job)]
    return sorted(found, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))


def is_over(pod: Manifest) -> bool:
    """Return whether nothing of the Pod runs any more."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def still_runs(step: str, seen: Seen) -> bool:
    """Return whether a Pod of the step is alive: its Job may be gone before it is."""
    return any(
        pod["metadata"].get("labels", {}).get(LABEL_STEP) == step and not is_over(pod)
        for pod in seen.all("Pod")
    )


def ended(pod: Manifest) -> Ended | None:
    """Return how the step's container ended, or None while it has not."""
    state = _container(pod).get("state", {}).get("terminated")
    if not state:
        return None
    return Ended(
        int(state.get("exitCode", 0)),
        str(state.get("reason", "")),
        str(state.get("message", "")),
        str(state.get("finishedAt") or ""),
    )


def started_at(pod: Manifest) -> str | None:
    """Return when the step's container was started, or None while it has not been."""
    state = _container(pod).get("state", {})
    found = state.get("running") or state.get("terminated") or {}
    return found.get("startedAt") or None


def is_running(pod: Manifest) -> bool:
    """Return whether the step's container runs now."""
    return bool(_container(pod).get("state", {}).get("running"))


def image_of(pod: Manifest) -> str | None:
    """Return the image that runs, by digest where the runtime tells it."""
    container = _container(pod)
    return container.get("imageID") or container.get("image") or None


def waiting(pod: Manifest) -> tuple[str, str]:
    """Return (reason, message) of a container that does not start; empty when it is not that.

    Of one that waits for those that start before it, what keeps the first of these.
    """
    state = _container(pod).get("state", {}).get("waiting") or {}
    if state.get("reason") == "PodInitializing":
        before = pod.get("status", {}).get("initContainerStatuses") or ()
        held = (one.get("state", {}).get("waiting") or {} for one in before)
        state = next((one for one in held if one.get("reason") != "PodInitializing" and one), state)
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
