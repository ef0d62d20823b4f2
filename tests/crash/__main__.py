"""Kill the operator at its writes: `python -m crash --kills 100`; --mutants tries the harness.

A kill that ended otherwise than the run that nobody killed is played five times more. If it
diverges again, the command fails. If it does not, it is told as a warning with all that is known,
and the command succeeds: around the operator stand-ins act in our own process, and a race of theirs
on a busy machine shall not hide what the other 99 kills say. That is safe because real bugs repeat:
planted ones must be seen without this leniency, and one oddity is forgiven for every 50 kills.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from apiserver.server import api_server
from crash.campaign import (
    Verdict,
    carry_out,
    choose,
    divergence,
    doubted,
    references,
    show,
)
from crash.cluster import Cluster, Mirror
from crash.evidence import Evidence
from crash.judging import JUDGING
from crash.life import When
from crash.meeting import MEETING
from crash.mirroring import MIRRORING
from crash.mutants import MUTANTS, Mutant
from crash.play import Outcome, Theatre
from crash.repeats import play_again
from crash.running import RUNNING
from crash.scaling import SCALING
from crash.scenario import Scenario
from crash.serving import SERVING
from crash.sharing import SHARING
from crash.table import name_of, print_divergences, print_kills, say
from crash.training import TRAINING

SCENARIOS = (*TRAINING, *RUNNING, *MEETING, *SERVING, *SCALING, *SHARING, *JUDGING, *MIRRORING)

# The table needs so many columns, also in a log.
console = Console(width=None if sys.stdout.isatty() else 110)


@dataclass(frozen=True)
class Kills:
    """How many kills (None: at every write), in which manners, and what chooses them."""

    count: int | None
    manners: tuple[When, ...]
    seed: int
    evidence: Path


@asynccontextmanager
async def theatre() -> AsyncIterator[Theatre]:
    """Run what all plays share."""
    with api_server() as server:
        cluster = Cluster(server)
        mirror = Mirror(cluster)
        await mirror.start()
        try:
            yield Theatre(server, cluster, mirror)
        finally:
            await mirror.stop()
            await cluster.close()


async def kill_many(
    stage: Theatre, scenarios: Sequence[Scenario], truth: Mapping[str, Outcome], kills: Kills
) -> int:
    """Kill as told; return how many ended otherwise than the run that nobody killed."""
    writes = {one.name: len(truth[one.name].writes) for one in scenarios}
    chosen = choose(scenarios, writes, kills.manners, kills.count, kills.seed)
    evidence = Evidence.empty(kills.evidence)
    started = time.monotonic()
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("killing", total=len(chosen))

        def tell(verdict: Verdict) -> None:
            progress.advance(task)
            if verdict.wrong:
                say(console, f"{name_of(verdict)}: {verdict.wrong}")

        verdicts = await carry_out(stage, chosen, truth, tell, evidence=evidence)
    if doubtful := doubted(scenarios, verdicts):
        fresh = await references(stage, doubtful, twice={one.name for one in doubtful})
        fickle = {name for name, one in fresh.items() if divergence(one, truth[name])}
        truth = {**truth, **fresh}
        again = [(one, kill) for one, kill in chosen if one.name in fickle]
        verdicts = [one for one in verdicts if one.scenario not in fickle]
        verdicts += await carry_out(stage, again, truth, tell, evidence=evidence)
    took = time.monotonic() - started
    divergences = await play_again(stage, scenarios, truth, verdicts, evidence)
    print_kills(console, writes, verdicts, took)
    print_divergences(console, divergences)
    return sum(one.is_proof for one in divergences)


async def try_mutants(
    stage: Theatre, mutants: Sequence[Mutant], truth: Mapping[str, Outcome]
) -> int:
    """Plant each bug in turn; return how many were not caught."""
    missed = 0
    started = time.monotonic()
    for mutant in mutants:
        began = time.monotonic()
        shown = await show(stage, mutant, SCENARIOS, truth)
        missed += shown is None
        word = f"caught in {time.monotonic() - began:.0f} s" if shown else "MISSED"
        say(console, f"{word}: {mutant.name}: {shown or ''}")
    took = time.monotonic() - started
    say(console, f"{missed} of {len(mutants)} planted bugs were missed, in {took:.0f} s")
    return missed


async def run(scenarios: Sequence[Scenario], kills: Kills | None, mutants: Sequence[Mutant]) -> int:
    """Do what was asked for in one theatre; return the exit status."""
    planted = {name for mutant in mutants for name in mutant.scenarios}
    needed = planted | ({one.name for one in scenarios} if kills else set())
    async with theatre() as stage:
        started = time.monotonic()
        played = [one for one in SCENARIOS if one.name in needed]
        truth = await references(stage, played, twice=planted)
        took = time.monotonic() - started
        say(console, f"{len(played)} stories with nobody killed, in {took:.0f} s")
        wrong = await try_mutants(stage, mutants, truth) if mutants else 0
        wrong += await kill_many(stage, scenarios, truth, kills) if kills else 0
    return 1 if wrong else 0


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="crash", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", default="0", help="how many, or `every` write in every manner")
    parser.add_argument("--scenario", nargs="*", default=[""], help="those with this in their name")
    parser.add_argument("--when", type=When, choices=list(When), help="only kills of this manner")
    parser.add_argument("--evidence", default=".build/crash", type=Path, help="kept if it diverges")
    parser.add_argument("--seed", type=int, default=1, help="chooses the kills")
    parser.add_argument("--mutants", choices=("quick", "all"), help="plant bugs to be caught")
    given = parser.parse_args()
    # What dies says so; the verdicts say what matters.
    logging.disable(logging.WARNING)
    chosen = [one for one in SCENARIOS if any(text in one.name for text in given.scenario)]
    if not chosen:
        names = ", ".join(one.name for one in SCENARIOS)
        print(f"crash: no scenario has {given.scenario!r} in its name; there are: {names}")
        return 2
    if given.kills != "every" and not given.kills.isdigit():
        print(f"crash: --kills {given.kills}: give a number, or `every`")
        return 2
    kills = None
    if given.kills != "0":
        count = None if given.kills == "every" else int(given.kills)
        manners = (given.when,) if given.when else tuple(When)
        kills = Kills(count, manners, given.seed, given.evidence)
    mutants = [one for one in MUTANTS if given.mutants and (one.quick or given.mutants == "all")]
    return asyncio.run(run(chosen, kills, mutants))


if __name__ == "__main__":
    sys.exit(main())
