"""The conditions AnalysisHealthy, ScalingActive and UpdateAvailable."""

from __future__ import annotations

from typing import Any, Final

from comal_operator.core.conditions import condition
from comal_operator.core.serving.crash_log import first_line
from comal_operator.core.serving.looked import Looked
from comal_operator.core.serving.reasons import (
    AnalysisReason,
    RejectionReason,
    ScalingReason,
    UpdateReason,
)
from comal_operator.core.serving.resolution import Unresolved
from comal_operator.core.serving.revision import child_of_revision

# What was measured; the other rejections are told by Ready alone.
_MEASURED: Final = frozenset(
    {
        RejectionReason.ERROR_RATE,
        RejectionReason.WORSE_THAN_STABLE,
        RejectionReason.LATENCY,
        RejectionReason.DIFFERENT_ANSWERS,
        RejectionReason.INSUFFICIENT_TRAFFIC,
        RejectionReason.SMOKE_TEST_FAILED,
        RejectionReason.CHECK_FAILED,
        RejectionReason.CHECK_ERROR,
    }
)


def analysis_healthy(looked: Looked) -> list[dict[str, Any]]:
    """Return what the numbers say of the candidate; nothing while there is none to judge."""
    memory = looked.memory
    rejection = memory.rejection(looked.revision or "")
    if rejection is not None and rejection.reason in _MEASURED:
        text = f"{rejection.model_version}: {rejection.message}"
        return [condition("AnalysisHealthy", False, rejection.reason, text)]
    candidate, hold = memory.candidate, memory.hold
    if candidate is None or memory.stable is None or memory.weight is None:
        return []
    if hold is not None and hold.reason in _MEASURED:
        text = f"{candidate.model_version}: {hold.message}"
        return [condition("AnalysisHealthy", False, hold.reason, text)]
    evidence = memory.evidence
    answers = f"; {evidence.answers}" if evidence is not None and evidence.answers else ""
    if evidence is not None and evidence.verdict == "Healthy":
        checks = [f"; check {one.name}: {first_line(one.message)[:100]}" for one in evidence.checks]
        text = f"{candidate.model_version}: {evidence.message}{''.join(checks)}{answers}"
        return [condition("AnalysisHealthy", True, AnalysisReason.HEALTHY, text)]
    text = f"{candidate.model_version} has not finished a step with requests yet{answers}"
    return [condition("AnalysisHealthy", None, AnalysisReason.WATCHING, text)]


def scaling_active(looked: Looked) -> list[dict[str, Any]]:
    """Return whether the revisions' autoscalers scale; nothing where there are none."""
    if looked.spec.autoscaling is None:
        return []
    roles = (looked.memory.stable, looked.memory.candidate, looked.memory.previous)
    names = [one.revision for one in roles if one is not None]
    found = [(one, looked.revisions[one]) for one in names if one in looked.revisions]
    for revision, seen in found:
        if seen.scaling is not None:
            name = child_of_revision(looked.mdep, revision)
            text = f"HorizontalPodAutoscaler {name}: {seen.scaling.message}"
            return [condition("ScalingActive", False, seen.scaling.reason, text)]
    if found and all(seen.is_scaling for _, seen in found):
        text = "the autoscalers read their metrics and may scale"
        return [condition("ScalingActive", True, ScalingReason.SCALES, text)]
    text = "an autoscaler has not said yet whether it scales"
    return [condition("ScalingActive", None, ScalingReason.WATCHING, text)]


def update_available(looked: Looked) -> list[dict[str, Any]]:
    """Return whether there is a newer version than the one kept; nothing unless one is kept."""
    if looked.spec.model.auto_update is not False or isinstance(looked.model, Unresolved):
        return []
    newer, kept = looked.newer, looked.model.model_version
    if newer is None:
        text = f"{kept} is what spec.model names"
        return [condition("UpdateAvailable", False, UpdateReason.UP_TO_DATE, text)]
    text = f"spec.model names {newer} now, and autoUpdate is false: {kept} goes on serving"
    return [condition("UpdateAvailable", True, UpdateReason.NEWER_VERSION, text)]
