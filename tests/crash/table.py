"""What the command prints: how often the operator died, what came of it, and all that diverged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Column, Table

from crash.campaign import Verdict
from crash.life import When
from crash.repeats import Divergence


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
    say(
        console,
        f"{sum(counts.values())} kills in {seconds:.0f} s, {sum(wrong.values())} diverged,"
        f" {stale} writes without the Lease; {missed} came after the last write",
    )


def print_divergences(console: Console, divergences: Sequence[Divergence]) -> None:
    """Print what is known of each, last of all: who reads a log reads its end."""
    for one in sorted(divergences, key=lambda one: one.is_proof):
        say(console, "")
        kind = "DIVERGED" if one.is_proof else "warning, seen once and not again:"
        say(console, f"{kind} {name_of(one.first)}: {one.times} of {one.plays} plays")
        say(console, f"  {one.first.wrong}")
        for line in one.first.around:
            say(console, f"    {line}")
        say(console, f"  all of it: {one.first.evidence}")
    once = sum(not one.is_proof for one in divergences)
    if divergences:
        say(console, "")
        proved = len(divergences) - once
        say(console, f"{proved} kills diverged; {once} more seen once, not again")


def name_of(verdict: Verdict) -> str:
    """Return the scenario and the kill in words."""
    if verdict.kill.when == When.TWINS:
        return f"{verdict.scenario}, {verdict.kill.when}"
    return f"{verdict.scenario}, {verdict.kill.when} write {verdict.kill.write}"


def say(console: Console, text: str) -> None:
    """Print a line as it is: what differs may look like markup."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _right(name: str) -> Column:
    return Column(name, justify="right")
