"""The table that the command prints: how often the operator died, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Column, Table

from crash.campaign import Verdict
from crash.life import When


def print_kills(
    console: Console, writes: Mapping[str, int], verdicts: Sequence[Verdict], seconds: float
) -> None:
    """Print a row for each scenario, and the sums."""
    counts = Counter((one.scenario, one.kill.when) for one in verdicts if one.sprung)
    wrong = Counter(one.scenario for one in verdicts if one.wrong)
    table = Table("scenario", *(_right(name) for name in ("writes", *When, "diverged")))
    for name, number in writes.items():
        row = [str(counts[name, when]) for when in When]
        table.add_row(name, str(number), *row, str(wrong[name]))
    table.add_section()
    sums = [str(sum(counts[name, when] for name in writes)) for when in When]
    table.add_row("all", str(sum(writes.values())), *sums, str(sum(wrong.values())))
    console.print(table)
    stale = sum(one.stale_writes for one in verdicts)
    missed = sum(not one.sprung for one in verdicts)
    console.print(
        f"{sum(counts.values())} kills in {seconds:.0f} s, {sum(wrong.values())} diverged,"
        f" {stale} writes without the Lease; {missed} came after the last write"
    )


def _right(name: str) -> Column:
    return Column(name, justify="right")
