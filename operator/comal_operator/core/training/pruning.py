"""Which trial is stopped early: the median rule on the metric that trials report as they run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from statistics import median
from typing import Literal

from comal_operator.api.training_run_status import ReportedValue, TrialStatus
from comal_operator.core.training.verdict import finite

# A trial is compared with at least so many others; the first few are never stopped.
MOST_POINTS = 32
_FEWEST_OTHERS = 3

Goal = Literal["Minimize", "Maximize"]


def with_report(
    known: Sequence[ReportedValue], epoch: str | None, percent: int | None, value: str | None
) -> tuple[ReportedValue, ...]:
    """Return the reported values with a new one: at most MOST_POINTS, spread over the whole run.

    A point's place is the epoch, or the percent of the run where no epoch is told.
    """
    point = _point(epoch, percent)
    if point is None or value is None or finite(value) is None:
        return tuple(known)
    kept = [one for one in known if one.at != point]
    found = sorted([*kept, ReportedValue(at=point, value=value)], key=lambda one: one.at)
    return tuple(found[-MOST_POINTS:])


def is_hopeless(trial: TrialStatus, others: Iterable[TrialStatus], goal: Goal) -> bool:
    """Return whether the best that `trial` has reported is worse than the median of the others.

    The others are those that went on to their end; each counts with its best until the same place.
    """
    if not trial.reported:
        return False
    sign = 1 if goal == "Maximize" else -1
    at = trial.reported[-1].at
    own = _best_until(trial, at, sign)
    rivals = [
        best
        for other in others
        if other.state == "Succeeded" and (best := _best_until(other, at, sign)) is not None
    ]
    if own is None or len(rivals) < _FEWEST_OTHERS:
        return False
    return own < median(rivals)


def _best_until(trial: TrialStatus, at: int, sign: int) -> Decimal | None:
    """Return the best value reported until then, as a number of which more is better."""
    values = [finite(one.value) for one in trial.reported if one.at <= at]
    return max((value * sign for value in values if value is not None), default=None)


def _point(epoch: str | None, percent: int | None) -> int | None:
    if not epoch:
        return percent
    number, _, all_of_them = epoch.partition("/")
    if not number.isdecimal():
        return percent
    stride = -(-int(all_of_them) // MOST_POINTS) if all_of_them.isdecimal() else 1
    return int(number) if int(number) % max(stride, 1) == 0 else None
