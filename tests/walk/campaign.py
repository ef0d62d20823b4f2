"""Many walks side by side, and the shortest way to a fault that one of them found."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from crash.play import Theatre
from walk.alike import compare
from walk.plan import Planner, Step
from walk.schema import spec_schema
from walk.walk import FoundWrongError, staged, walk

# More than the cores: a walk mostly waits for rest.
SIDE_BY_SIDE = 6


@dataclass(frozen=True)
class Campaign:
    """Which walks; of each only the transitions of `keep`, if that is given."""

    seed: int
    numbers: tuple[int, ...]
    keep: tuple[int, ...] | None = None


@dataclass
class Tally:
    """What came of all walks."""

    seed: int
    transitions: int = 0
    runs: int = 0
    refused: int = 0
    repeated: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    faults: dict[int, str] = field(default_factory=dict)
    """By the number of the walk."""
    skipped: set[str] = field(default_factory=set)
    began: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        """Return the numbers, for a person."""
        took = time.monotonic() - self.began
        kinds = ", ".join(f"{count} {name}" for name, count in self.kinds.most_common())
        found = f"{self.runs} runs made, {self.refused} refused that were meant to be taken;"
        found += f" {self.repeated} repeated undisturbed, ended alike; {len(self.faults)} faults"
        lines = [
            f"{self.transitions} transitions in {took:.0f} s, seed {self.seed}: {kinds}",
            found,
        ]
        if self.skipped:
            lines.append(f"never given, as no value is known: {', '.join(sorted(self.skipped))}")
        return "\n".join(lines)


async def walk_all(theatre: Theatre, campaign: Campaign, tell: Callable[[str], None]) -> Tally:
    """Go all walks; `tell` hears of each fault, and of each step if there is one walk only."""
    tally, room = Tally(campaign.seed), asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(number: int) -> None:
        async with room:
            steps = _steps(campaign, number, tally)
            if len(campaign.numbers) == 1:
                tell("\n".join(f"{place}: {step}" for place, step in enumerate(steps)))
            fault = await _walk(theatre, steps, tally)
        if fault:
            tally.faults[number] = fault
            tell(f"walk {number}: {fault}")

    await asyncio.gather(*map(one, campaign.numbers))
    return tally


async def shrink(theatre: Theatre, campaign: Campaign, number: int, fault: str) -> list[int]:
    """Return the transitions of a walk that show the same kind of fault without the others."""
    keep = list(range(len(_steps(campaign, number, Tally(campaign.seed)))))
    for place in reversed(keep.copy()):
        fewer = [one for one in keep if one != place]
        steps = _steps(Campaign(campaign.seed, (number,), tuple(fewer)), number, Tally(0))
        if _kind(await _walk(theatre, steps, Tally(0))) == _kind(fault):
            keep = fewer
    return keep


def _steps(campaign: Campaign, number: int, tally: Tally) -> list[Step]:
    planner = Planner(spec_schema(), campaign.seed, number)
    steps = planner.steps()
    tally.skipped |= planner.skipped
    return steps if campaign.keep is None else [steps[place] for place in campaign.keep]


async def _walk(theatre: Theatre, steps: list[Step], tally: Tally) -> str:
    """Return what is wrong; empty if nothing is."""
    fault = ""
    async with staged(theatre) as stage:
        try:
            await walk(stage, steps)
            tally.repeated += await compare(stage)
        except FoundWrongError as error:
            fault = str(error)
        tally.runs += len(stage.scene.sent)
        tally.refused += stage.scene.refusals
    tally.transitions += len(steps)
    tally.kinds.update(step.kind for step in steps)
    return fault


def _kind(fault: str) -> str:
    """Return a fault without names, numbers and what is quoted."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|[-a-z]*[0-9][-a-z0-9]*", "", fault)[:60]
