"""From single requests to figures; pure, so that the figures themselves are tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles

from demo.traffic import Call


@dataclass(frozen=True)
class Split:
    """What a version got of the requests, in percent, and how far off a thousand of them were."""

    asked: float
    requests: int
    got: float
    worst: float
    """Largest difference of any 1,000 requests in a row from what was asked, in points."""


def split(calls: Sequence[Call], version: str, asked: float) -> Split:
    """Return how exactly `version` got its share of `calls`, which are in order of their due."""
    hits = [one.version == version for one in calls]
    window = min(1000, len(hits))
    inside = sum(hits[:window])
    worst = abs(100 * inside / window - asked)
    for leaves, enters in zip(hits, hits[window:], strict=False):
        inside += enters - leaves
        worst = max(worst, abs(100 * inside / window - asked))
    return Split(asked, len(hits), 100 * sum(hits) / len(hits), worst)


@dataclass(frozen=True)
class Times:
    """Median and 99th percentile in milliseconds."""

    p50: float
    p99: float


def times(calls: Sequence[Call]) -> Times:
    """Return how long the callers waited."""
    cuts = quantiles([one.milliseconds for one in calls], n=100, method="inclusive")
    return Times(cuts[49], cuts[98])


def refused(calls: Sequence[Call]) -> list[Call]:
    """Return those that a model had no answer for; what was lost on the way is another matter."""
    return [one for one in calls if one.code == 500]


def lost(calls: Sequence[Call]) -> list[Call]:
    """Return those that were lost on the way."""
    return [one for one in calls if one.code not in {200, 500}]
