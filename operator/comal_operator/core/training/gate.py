"""The gate: metrics and the versions there are, in; a verdict with both numbers, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from comal_operator.api.model_version import ModelVersion
from comal_operator.api.training_run import Gate
from comal_operator.core.reasons import GateReason


@dataclass(frozen=True)
class Baseline:
    """The registered version to beat, and its value of the metric."""

    version: str
    value: str


@dataclass(frozen=True)
class Verdict:
    """What the gate says, and why."""

    passed: bool
    reason: GateReason
    message: str
    candidate: str | None = None
    baseline: Baseline | None = None


def finite(text: str) -> Decimal | None:
    """Return the number that `text` is, or None when it is none or not finite."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def short(text: str) -> str:
    """Return a metric's value as people read it: 3295.7149484 → 3295.71."""
    number = finite(text)
    return text if number is None else f"{float(number):.6g}"


def baseline_of(
    versions: Sequence[ModelVersion], gate: Gate, *, below: int | None = None
) -> Baseline | None:
    """Return the newest of `versions` that recorded the metric as a number.

    `below` leaves out versions from that number on: a run whose version exists is explained by
    what it was compared with then.
    """
    for version in sorted(versions, key=lambda v: int(v.spec.version), reverse=True):
        number, value = int(version.spec.version), version.spec.metrics.get(gate.metric)
        if (below is None or number < below) and value is not None and finite(value) is not None:
            return Baseline(f"{version.spec.model}-v{version.spec.version}", value)
    return None


def judge(gate: Gate, metrics: Mapping[str, str], baseline: Baseline | None) -> Verdict:
    """Return whether a model with these metrics may be registered after `baseline`."""
    text = metrics.get(gate.metric)
    if text is None:
        there = ", ".join(sorted(metrics)) or "nothing"
        message = (
            f"metrics.json has no {gate.metric}, only {there}:"
            " write it in a step or correct gate.metric"
        )
        return Verdict(False, GateReason.METRIC_MISSING, message[:600])
    candidate = finite(text)
    if candidate is None:
        message = f"{gate.metric} is {text}, which is not a finite number and never passes"
        return Verdict(False, GateReason.METRIC_NOT_FINITE, message, text)
    sign = 1 if gate.goal == "Maximize" else -1
    if gate.threshold is not None and (candidate - Decimal(gate.threshold)) * sign < 0:
        bound = "at least" if sign > 0 else "at most"
        message = f"{gate.metric} is {short(text)}, but must be {bound} {gate.threshold}"
        return Verdict(False, GateReason.THRESHOLD_MISSED, message, text, baseline)
    if baseline is None:
        message = f"{gate.metric} is {short(text)}; there is no registered version to beat"
        return Verdict(True, GateReason.FIRST_MODEL, message, text)
    gain = (candidate - Decimal(baseline.value)) * sign
    better = gain > Decimal(gate.min_delta)
    message = _comparison(gate, text, baseline, better=better)
    reason = GateReason.BETTER if better else GateReason.NOT_BETTER
    return Verdict(better, reason, message, text, baseline)


def _comparison(gate: Gate, candidate: str, baseline: Baseline, *, better: bool) -> str:
    new, old = short(candidate), short(baseline.value)
    if new == old and candidate != baseline.value:
        new, old = candidate, baseline.value
    margin = f" by more than {gate.min_delta}" if Decimal(gate.min_delta) else ""
    direction = "lower" if gate.goal == "Minimize" else "higher"
    verdict = f"is {direction} than" if better else f"is not {direction} than"
    return f"{gate.metric} {new} {verdict} {old} of {baseline.version}{margin}"
