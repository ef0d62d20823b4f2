"""The gate: metrics and what they are compared with, in; a verdict with both numbers, out."""

from __future__ import annotations

from collections.abc import Mapping

from comal_operator.api.training_gate import Gate
from comal_operator.core.reasons import GateReason
from comal_operator.core.training.gate_comparison import guards, rivals, threshold
from comal_operator.core.training.verdict import Opponents, Rule, Verdict, finite, short

# The table in the status holds this many beside the threshold and sixteen guards.
_MOST_BASELINES = 15


def judge(gate: Gate, metrics: Mapping[str, str], against: Opponents) -> Verdict:
    """Return whether a model with these metrics may be registered.

    Every rule is judged and stands in the table; the first that does not hold is the reason. What
    is missing or not a finite number never passes.
    """
    wrong = _not_a_number(gate, metrics)
    if wrong is not None:
        return wrong
    text, compared = metrics[gate.metric], rivals(gate, metrics, against)
    first = compared[0].baseline if compared else None
    rules = [*threshold(gate, text), *compared, *guards(gate, metrics, first)]
    table = tuple(rule.row for rule in _listed(rules, compared))
    failed = next((rule for rule in rules if not rule.row.passed), None)
    if failed is not None:
        beside = failed.baseline or first
        return Verdict(False, failed.reason, failed.message, text, beside, table)
    if compared:
        return Verdict(True, GateReason.BETTER, compared[0].message, text, first, table)
    reason = GateReason.FIRST_MODEL if against.compares else GateReason.NO_BASELINE
    message = f"{gate.metric} is {short(text)}; {against.note}"
    return Verdict(True, reason, message, text, None, table)


def _not_a_number(gate: Gate, metrics: Mapping[str, str]) -> Verdict | None:
    text = metrics.get(gate.metric)
    if text is None:
        there = ", ".join(sorted(metrics)) or "nothing"
        message = (
            f"metrics.json has no {gate.metric}, only {there}:"
            " write it in a step or correct gate.metric"
        )
        return Verdict(False, GateReason.METRIC_MISSING, message[:600])
    if finite(text) is None:
        message = f"{gate.metric} is {text}, which is not a finite number and never passes"
        return Verdict(False, GateReason.METRIC_NOT_FINITE, message, text)
    return None


def _listed(rules: list[Rule], compared: tuple[Rule, ...]) -> list[Rule]:
    """Return the rules that the table has room for: of many baselines the hardest to beat."""
    dropped = compared[_MOST_BASELINES:]
    return [rule for rule in rules if rule not in dropped]
