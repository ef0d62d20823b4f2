"""What is wrong with Pods that do not become ready."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from comal_operator.core.plan import Manifest
from comal_operator.core.serving.crash_log import crash_message
from comal_scorer.contract import TerminationReason

# The model itself is at fault: however often the Pod starts, it ends like this.
_FINAL = frozenset(
    {
        TerminationReason.DIGEST_MISMATCH,
        TerminationReason.ARTIFACT_NOT_FOUND,
        TerminationReason.ARTIFACT_INVALID,
        TerminationReason.MODEL_INVALID,
    }
)
_ORDINARY_WAITS = frozenset({"PodInitializing", "ContainerCreating", ""})
_SCALING = ("AbleToScale", "ScalingActive")
_MESSAGE_LIMIT = 400


@dataclass(frozen=True)
class Problem:
    """Why a Pod is not ready, in the cluster's or the scorer's own words."""

    reason: str
    message: str
    final: bool = False
    """Whether waiting and restarting cannot help."""


def problem_of(pods: Iterable[Manifest]) -> Problem | None:
    """Return the worst that is known of `pods`: final ones first, then what was found first."""
    found = [problem for pod in pods for problem in _problems(pod)]
    return next((one for one in found if one.final), found[0] if found else None)


def scaling_problem(scaler: Manifest | None) -> Problem | None:
    """Return why a HorizontalPodAutoscaler does not scale; None if it does, or was not asked."""
    conditions = ((scaler or {}).get("status") or {}).get("conditions") or ()
    for condition in conditions:
        is_fault = condition["type"] in _SCALING and condition["status"] == "False"
        # Of Pods at 0 it says so too.
        if is_fault and condition.get("reason") != "ScalingDisabled":
            reason = condition.get("reason") or "ScalingFailed"
            return Problem(reason, _short(condition.get("message") or ""))
    return None


def _problems(pod: Manifest) -> Iterator[Problem]:
    status = pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            reason = condition.get("reason") or "Unschedulable"
            yield Problem(reason, _short(condition.get("message") or ""))
    containers = (status.get("initContainerStatuses") or []) + (
        status.get("containerStatuses") or []
    )
    for container in containers:
        if not container.get("ready"):
            yield from _of_container(container)


def _of_container(container: dict[str, Any]) -> Iterator[Problem]:
    state = container.get("state") or {}
    before = container.get("lastState") or {}
    for ended in (state.get("terminated"), before.get("terminated")):
        if ended and ended.get("exitCode"):
            yield _of_end(ended)
            return
    waiting = state.get("waiting") or {}
    if waiting.get("reason", "") not in _ORDINARY_WAITS:
        yield Problem(waiting["reason"], _short(waiting.get("message") or ""))


def _of_end(ended: dict[str, Any]) -> Problem:
    text = (ended.get("message") or "").strip()
    told = _told(text)
    if told is not None:
        return Problem(told["reason"], _short(told.get("message", "")), told["reason"] in _FINAL)
    return Problem(ended.get("reason") or "Error", crash_message(ended["exitCode"], text))


def _told(text: str) -> dict[str, str] | None:
    """Return what our own programs say at their end; None if it is somebody else's text."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    is_ours = isinstance(told, dict) and isinstance(told.get("reason"), str)
    return {str(k): str(v) for k, v in told.items()} if is_ours else None


def _short(text: str) -> str:
    return text if len(text) <= _MESSAGE_LIMIT else text[: _MESSAGE_LIMIT - 1] + "…"
