"""How an attempt whose Job has failed ended: by its own fault, for good, or by no fault."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from comal_operator.core.conditions import find, is_true, parse_timestamp
from comal_operator.core.plan import Manifest
from comal_operator.core.reasons import InterruptionReason, RunReason
from comal_operator.core.training.attempts import AttemptEnd
from comal_operator.core.training.data_problem import fatal_reason
from comal_operator.core.training.pods import Ended, ended

# How runtimes call a container that they lost, most often with its node.
_LOST = ("ContainerStatusUnknown", "Unknown")


def end_of(job: Manifest, pods: Sequence[Manifest]) -> AttemptEnd | None:
    """Return how `job` failed, judged by its condition and its `pods`; None while it has not."""
    conditions = job.get("status", {}).get("conditions")
    if not is_true(conditions, "Failed"):
        return None
    failed = find(conditions, "Failed") or {}
    at, said = str(failed.get("lastTransitionTime", "")), str(failed.get("message", ""))
    by_policy = failed.get("reason") == "PodFailurePolicy"
    first = culprit(pods)
    if by_policy and "DisruptionTarget" not in said:
        return _fatal(first, at, said)
    victim = next((pod for pod in pods if is_true(_conditions(pod), "DisruptionTarget")), None)
    if by_policy or (victim is not None and victim is first):
        return _disrupted(victim, at, said)
    if first is None:
        # A container that fails leaves its Pod: whoever took the Pod away took the attempt.
        text = "was interrupted: its Pod was deleted"
        return AttemptEnd("Interruption", InterruptionReason.POD_DELETED, text, at)
    return _by_itself(first, at)


def _by_itself(pod: Manifest, at: str) -> AttemptEnd:
    end = ended(pod)
    if end is None or end.reason in _LOST:
        status = pod.get("status", {})
        why = status.get("message") or status.get("reason") or "its container was lost"
        text = f"was interrupted: {why}"
        return AttemptEnd("Interruption", InterruptionReason.DISRUPTED, text, at)
    if _was_deleted_before(pod, end):
        text = "was interrupted: its Pod was deleted while it ran"
        return AttemptEnd("Interruption", InterruptionReason.POD_DELETED, text, at)
    return AttemptEnd("Failure", RunReason.STEP_FAILED, _how(end), at, end.exit_code, pod)


def _fatal(pod: Manifest | None, at: str, said: str) -> AttemptEnd:
    end = ended(pod) if pod is not None else None
    text = _how(end) if end else f"failed: {said}"
    text += ", after which it is not tried again (retry.fatalExitCodes)"
    code = end.exit_code if end else None
    return AttemptEnd("Fatal", fatal_reason(end), text, at, code, pod)


def _disrupted(pod: Manifest | None, at: str, said: str) -> AttemptEnd:
    target = find(_conditions(pod), "DisruptionTarget") if pod is not None else None
    why = (target or {}).get("message") or (target or {}).get("reason") or said
    text = f"was interrupted: {why}"
    return AttemptEnd("Interruption", InterruptionReason.DISRUPTED, text, at)


def _how(end: Ended) -> str:
    text = f"exited with code {end.exit_code}"
    if end.reason == "OOMKilled" or end.exit_code == 137:
        text += " (killed, most often for memory: raise resources.limits.memory)"
    return text


def culprit(pods: Sequence[Manifest]) -> Manifest | None:
    """Return the Pod that failed first: in a gang the others only follow it."""
    failed = [pod for pod in pods if _has_failed(pod)]
    return min(failed, key=_end_time) if failed else None


def _has_failed(pod: Manifest) -> bool:
    end = ended(pod)
    if end is None:
        return bool(pod.get("status", {}).get("phase") == "Failed")
    return end.exit_code != 0


def _end_time(pod: Manifest) -> str:
    end = ended(pod)
    return end.at if end is not None else ""


def _was_deleted_before(pod: Manifest, end: Ended) -> bool:
    """Return whether the Pod was asked to go while its container still ran."""
    meta = pod["metadata"]
    gone = meta.get("deletionTimestamp")
    if not gone:
        return False
    grace = timedelta(seconds=int(meta.get("deletionGracePeriodSeconds") or 0))
    return not end.at or parse_timestamp(end.at) >= parse_timestamp(gone) - grace


def _conditions(pod: Manifest | None) -> Sequence[Manifest]:
    return (pod or {}).get("status", {}).get("conditions") or ()
