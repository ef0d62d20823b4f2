"""The rules of a gate one by one: each with both numbers, and a sentence for when it fails."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from comal_operator.api.training_gate import Gate, Guard
from comal_operator.api.training_run_status import ComparisonRow
from comal_operator.core.reasons import GateReason
from comal_operator.core.training.verdict import Baseline, Opponents, Rule, finite, short

_NO_VALUE = "no value"


def threshold(gate: Gate, text: str) -> tuple[Rule, ...]:
    """Return the rule that even the first model is held to, if the gate has one."""
    if gate.threshold is None:
        return ()
    bound = "at least" if _sign(gate) > 0 else "at most"
    holds = (Decimal(text) - Decimal(gate.threshold)) * _sign(gate) >= 0
    row = _row(gate.metric, text, None, f"{bound} {gate.threshold}", passed=holds)
    message = f"{gate.metric} is {short(text)}, but must be {bound} {gate.threshold}"
    return (Rule(row, GateReason.THRESHOLD_MISSED, message),)


def rivals(gate: Gate, metrics: Mapping[str, str], against: Opponents) -> tuple[Rule, ...]:
    """Return what each opponent asks of the candidate, the hardest to beat first."""
    text = metrics[gate.metric]
    rules = [_rival(gate, text, baseline, against.note) for baseline in against.baselines]
    return tuple(sorted(rules, key=lambda rule: _hardness(gate, rule), reverse=True))


def guards(gate: Gate, metrics: Mapping[str, str], baseline: Baseline | None) -> tuple[Rule, ...]:
    """Return the rules for the further metrics."""
    return tuple(
        rule for guard in gate.guards for rule in _guard(guard, metrics.get(guard.metric), baseline)
    )


def _rival(gate: Gate, text: str, baseline: Baseline, note: str) -> Rule:
    better = "higher" if _sign(gate) > 0 else "lower"
    asked = f"{better} by more than {gate.min_delta}"
    value = baseline.value(gate.metric)
    if value is None:
        there = baseline.metrics.get(gate.metric, _NO_VALUE)
        row = _row(gate.metric, text, there, asked, passed=False)
        message = (
            f"{baseline.version} has {there} of {gate.metric}, so nothing can be said to be better:"
            " choose another gate.baseline, or measure SameData"
        )
        return Rule(row, GateReason.BASELINE_METRIC_MISSING, message, baseline)
    gain = (Decimal(text) - value) * _sign(gate)
    holds = gain > Decimal(gate.min_delta)
    row = _row(gate.metric, text, baseline.metrics[gate.metric], asked, passed=holds)
    message = _sentence(gate, text, baseline, better=holds) + (f"; {note}" if note else "")
    return Rule(row, GateReason.BETTER if holds else GateReason.NOT_BETTER, message, baseline)


def _sentence(gate: Gate, candidate: str, baseline: Baseline, *, better: bool) -> str:
    old_text = baseline.metrics[gate.metric]
    new, old = short(candidate), short(old_text)
    if new == old and candidate != old_text:
        new, old = candidate, old_text
    margin = f" by more than {gate.min_delta}" if Decimal(gate.min_delta) else ""
    direction = "lower" if gate.goal == "Minimize" else "higher"
    verdict = f"is {direction} than" if better else f"is not {direction} than"
    where = " on the same data" if baseline.measure == "SameData" else ""
    return f"{gate.metric} {new} {verdict} {old} of {baseline.version}{where}{margin}"


def _guard(guard: Guard, text: str | None, baseline: Baseline | None) -> list[Rule]:
    """Return a rule for each bound of the guard; a baseline without the metric bounds nothing.

    Otherwise no run could ever be the first to report a new metric.
    """
    old = None if baseline is None else baseline.value(guard.metric)
    bounds: list[tuple[str, Decimal, Literal[-1, 1]]] = []
    if guard.min is not None:
        bounds.append((f"at least {guard.min}", Decimal(guard.min), 1))
    if guard.max is not None:
        bounds.append((f"at most {guard.max}", Decimal(guard.max), -1))
    if guard.max_drop is not None and old is not None:
        asked = f"at most {guard.max_drop} lower"
        bounds.append((asked, old - Decimal(guard.max_drop), 1))
    if guard.max_rise is not None and old is not None:
        asked = f"at most {guard.max_rise} higher"
        bounds.append((asked, old + Decimal(guard.max_rise), -1))
    if not bounds:  # it must be measured all the same
        return [_bound(guard, text, baseline, ("measured", Decimal(0), 0))]
    return [_bound(guard, text, baseline, bound) for bound in bounds]


def _bound(
    guard: Guard, text: str | None, baseline: Baseline | None, bound: tuple[str, Decimal, int]
) -> Rule:
    asked, limit, sign = bound
    old = None if baseline is None else baseline.metrics.get(guard.metric)
    number = None if text is None else finite(text)
    if number is None:
        found = "is not in metrics.json" if text is None else f"is {text}, which is not finite"
        row = _row(guard.metric, text, old, asked, passed=False)
        message = f"guard: {guard.metric} {found}, but must be {asked}: write it in a step"
        return Rule(row, GateReason.GUARD_METRIC_MISSING, message, baseline)
    row = _row(guard.metric, text, old, asked, passed=(number - limit) * sign >= 0)
    beside = ""
    if "lower" in asked or "higher" in asked:
        beside = f" than {short(old or '')} of {baseline.version if baseline else ''}"
    message = f"guard: {guard.metric} is {short(text or '')}, but must be {asked}{beside}"
    return Rule(row, GateReason.GUARD_MISSED, message, baseline)


def _hardness(gate: Gate, rule: Rule) -> tuple[bool, Decimal]:
    value = rule.baseline.value(gate.metric) if rule.baseline else None
    return value is None, (value or Decimal(0)) * _sign(gate)


def _sign(gate: Gate) -> int:
    return 1 if gate.goal == "Maximize" else -1


def _row(
    metric: str, candidate: str | None, baseline: str | None, rule: str, *, passed: bool
) -> ComparisonRow:
    return ComparisonRow(
        metric=metric, candidate=candidate, baseline=baseline, rule=rule, passed=passed
    )
