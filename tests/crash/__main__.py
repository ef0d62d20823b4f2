"""Kill the operator at its writes: `python -m crash --kills 100`, or --mutants."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from rich.console import Console
from rich.progress import Progress

from apiserver.server import api_server
from crash.campaign import Verdict, carry_out, choose, references, show
from crash.cluster import Cluster, Mirror
from crash.mutants import MUTANTS
from crash.play import Theatre
from crash.scenario import Scenario
from crash.serving import SERVING
from crash.table import print_kills
from crash.training import TRAINING

SCENARIOS = (*TRAINING, *SERVING)

console = Console()


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


async def kill_many(scenarios: Sequence[Scenario], count: int | None, seed: int) -> int:
    """Kill `count` times (None: at every write in every manner); return the exit status."""
    async with theatre() as stage:
        truth = await references(stage, scenarios)
        writes = {name: len(outcome.writes) for name, outcome in truth.items()}
        kills = choose(scenarios, writes, count, seed)
        started = time.monotonic()
        with Progress(console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("killing", total=len(kills))

            def tell(verdict: Verdict) -> None:
                progress.advance(task)
                if verdict.wrong:
                    where = f"{verdict.kill.when} write {verdict.kill.write}"
                    console.print(f"[red]{verdict.scenario}, {where}: {verdict.wrong}")

            verdicts = await carry_out(stage, kills, truth, tell)
    print_kills(console, writes, verdicts, time.monotonic() - started)
    return 1 if any(verdict.wrong for verdict in verdicts) else 0


async def try_mutants(wanted: str) -> int:
    """Plant every bug in turn; return 1 if one is not caught."""
    missed = 0
    async with theatre() as stage:
        chosen = [mutant for mutant in MUTANTS if wanted in mutant.name]
        needed = {name for mutant in chosen for name in mutant.scenarios}
        truth = await references(stage, [one for one in SCENARIOS if one.name in needed])
        for mutant in chosen:
            shown = await show(stage, mutant, SCENARIOS, truth)
            missed += shown is None
            console.print(f"{'caught' if shown else '[red]MISSED'}: {mutant.name}: {shown or ''}")
    console.print(f"{missed} of {len(chosen)} planted bugs were missed")
    return 1 if missed else 0


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="0: every write in every manner")
    parser.add_argument("--scenario", default="", help="only those whose name contains this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutants", action="store_true", help="plant bugs; each must be caught")
    arguments = parser.parse_args()
    # What dies says so; the verdicts say what matters.
    logging.disable(logging.WARNING)
    if arguments.mutants:
        return asyncio.run(try_mutants(arguments.scenario))
    chosen = [one for one in SCENARIOS if arguments.scenario in one.name]
    if not chosen:
        names = ", ".join(one.name for one in SCENARIOS)
        print(f"crash: no scenario has {arguments.scenario!r} in its name; there are: {names}")
        return 2
    return asyncio.run(kill_many(chosen, arguments.kills or None, arguments.seed))


if __name__ == "__main__":
    sys.exit(main())
