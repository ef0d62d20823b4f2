"""Walk through specs of TrainingRuns by chance: `python -m walk --transitions 100`.

After Acto (SOSP'23), with its three oracles: what is there is what the spec says
(walk/consistent.py); a disturbed way leads where a plain one leads (walk/alike.py); what is wrong
is refused or told by name, and put right it goes on (walk/moves.py, walk/walk.py).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

from rich.console import Console

from crash.__main__ import theatre
from walk.campaign import Campaign, shrink, walk_all
from walk.mutants import MUTANTS, try_mutants
from walk.plan import LENGTH

# A line for each fault, however long, also in a log.
console = Console(soft_wrap=True, markup=False, highlight=False)


async def run(campaign: Campaign, *, mutants: bool) -> int:
    """Do what was asked for; return the exit status."""
    async with theatre() as stage:
        if mutants:
            return 1 if await try_mutants(stage, MUTANTS, console.print) else 0
        tally = await walk_all(stage, campaign, console.print)
        console.print(str(tally))
        if not tally.faults or campaign.keep is not None:
            return 1 if tally.faults else 0
        number, fault = min(tally.faults.items())
        keep = await shrink(stage, campaign, number, fault)
        kept = ",".join(map(str, keep))
        console.print("least that shows the first of them:")
        again = f"PYTHONPATH=hack:tests .venv/bin/python -m walk --seed {campaign.seed}"
        console.print(f"  {again} --walk {number} --keep {kept}")
        return 1


def main() -> int:
    """Read the command line and walk."""
    parser = argparse.ArgumentParser(prog="walk", description=__doc__)
    parser.add_argument("--transitions", type=int, default=100, help="how many, in all (100)")
    parser.add_argument("--seed", type=int, default=1, help="chooses all of them (1)")
    parser.add_argument("--walk", type=int, help="only the walk of this number, told step by step")
    parser.add_argument("--keep", help="of that one only these transitions: 0,3,4")
    parser.add_argument("--mutants", action="store_true", help="plant bugs to be found")
    given = parser.parse_args()
    # What the operator logs is its own; the oracles say what matters.
    logging.disable(logging.WARNING)
    every = range(-(-given.transitions // LENGTH))
    numbers = tuple(every) if given.walk is None else (given.walk,)
    keep = tuple(map(int, given.keep.split(","))) if given.keep else None
    return asyncio.run(run(Campaign(given.seed, numbers, keep), mutants=given.mutants))


if __name__ == "__main__":
    sys.exit(main())
