"""What was measured, and the table of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Column, Table


@dataclass(frozen=True)
class Measured:
    """One number; `bar` is what was aimed at, empty if nothing was, and `met` whether it was."""

    name: str
    value: str
    bar: str = ""
    met: bool | None = None


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest of `values` that at least this share of them does not exceed."""
    ranked = sorted(values)
    return ranked[max(math.ceil(share * len(ranked)) - 1, 0)]


def seconds(values: Sequence[float]) -> str:
    """Return the median, the 99th percentile and the worst."""
    parts = (quantile(values, 0.5), quantile(values, 0.99), max(values))
    return " / ".join(f"{one:.2f} s" for one in parts)


def print_table(console: Console, rows: Iterable[Measured]) -> None:
    """Print a row for each number."""
    measured, aim = Column("measured", justify="right"), Column("aim", justify="right")
    table = Table("what", measured, aim, "met")
    for row in rows:
        met = "" if row.met is None else "met" if row.met else "not met"
        table.add_row(row.name, row.value, row.bar, met)
    console.print(table)
