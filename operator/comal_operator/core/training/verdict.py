"""The words of the gate: versions to beat, rules, and a verdict with both numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Literal

from comal_operator.api.training_run_status import ComparisonRow
from comal_operator.core.reasons import GateReason


@dataclass(frozen=True)
class Baseline:
    """A registered version to beat, and its metrics."""

    version: str
    metrics: Mapping[str, str]
    measure: Literal["SameData", "Recorded"] = "Recorded"

    def value(self, metric: str) -> Decimal | None:
        """Return its value of `metric`, or None when it has none that is finite."""
        text = self.metrics.get(metric)
        return None if text is None else finite(text)


@dataclass(frozen=True)
class Opponents:
    """All versions that the candidate must beat, and what a person should know of the choice."""

    baselines: tuple[Baseline, ...] = ()
    note: str = "there is no registered version to beat"
    compares: bool = True
    """False when the gate asks for no comparison at all."""


@dataclass(frozen=True)
class Verdict:
    """What the gate says, and why."""

    passed: bool
    reason: GateReason
    message: str
    candidate: str | None = None
    baseline: Baseline | None = None
    comparison: tuple[ComparisonRow, ...] = field(default=())


@dataclass(frozen=True)
class Rule:
    """One rule of the gate, judged: its row of the table, and the words for its failure."""

    row: ComparisonRow
    reason: GateReason
    message: str
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
