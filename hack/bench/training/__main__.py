"""`make bench-training`: a real API server, the operator's own process, kubelets by script."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

from rich.console import Console

from apiserver.server import ApiServer, api_server
from bench.training.history import copy_often
from bench.training.measured import Measured, print_table, quantile, seconds
from bench.training.process import OperatorProcess, operator_process
from bench.training.stored import stored_bytes
from bench.training.teams import (
    GATED_SPEC,
    LIVE_SPEC,
    SHORT_SPEC,
    Team,
    mirrored,
    team,
    until,
)
from cluster.commands import say

_PER_NAMESPACE = 50
_PAUSE = 0.5
_P99 = 0.99
_KIB = 1024
# What the operator may need, and how soon it is at rest after a restart with live runs.
_MIB = 256
_SECONDS = 15


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    counted: int = 20
    """Runs whose writes are counted."""
    timed: int = 60
    """Runs whose start is timed."""
    live: int = 1000
    finished: int = 5000


SMALL = Size(counted=2, timed=3, live=6, finished=8)


async def bench(size: Size) -> list[Measured]:
    """Measure everything; each number is told as soon as it is known."""
    rows = _Rows()
    with api_server() as server:
        async with AsyncExitStack() as stack:
            cluster, mirror = await stack.enter_async_context(mirrored(server))
            enter = stack.enter_async_context
            first = await enter(team(cluster, mirror, "first"))
            crowd = [
                await enter(team(cluster, mirror, f"crowd-{start // _PER_NAMESPACE}"))
                for start in range(0, size.live, _PER_NAMESPACE)
            ]
            async with operator_process(server) as operator:
                rows.add(Measured("memory, nothing to do", _mib(operator)))
                rows.add(*await _writes(operator, first, size))
                rows.add(*_bytes(server, first, size))
                rows.add(*await _starts(first, size, "idle", 1))
                rows.add(*await _crowd(operator, first, crowd, size))
            rows.add(*await _restart(server, crowd, f"{size.live} live runs"))
            # Without an operator, which would begin what has not been given its end yet.
            say(f"copying {size.finished} ended runs")
            await copy_often(first, "gated-0", size.finished, "long-ago")
            there = f"{size.live} live and {size.finished} ended runs"
            rows.add(*await _restart(server, crowd, there, (first, size)))
    return rows.all


class _Rows:
    """What has been measured so far."""

    def __init__(self) -> None:
        self.all: list[Measured] = []

    def add(self, *rows: Measured) -> None:
        """Keep these, and tell them: what comes later may fail."""
        for row in rows:
            say(f"{row.name}: {row.value}")
        self.all += rows


async def _writes(operator: OperatorProcess, first: Team, size: Size) -> list[Measured]:
    rows = []
    for name, spec, steps in (("short", SHORT_SPEC, 1), ("gated", GATED_SPEC, 5)):
        say(f"counting the writes of {size.counted} runs: {name}")
        await first.waited(f"{name}-before", spec)
        await first.until_ended(f"{name}-before")
        await _at_rest(operator)
        before = _spent(operator)
        for number in range(size.counted):
            await first.start(f"{name}-{number}", spec)
            await first.until_ended(f"{name}-{number}")
        await _at_rest(operator)
        after = _spent(operator)
        told, writes, reads, cpu = (
            (late - early) / size.counted for early, late in zip(before, after, strict=True)
        )
        label = f"a run of {steps} step{'s' if steps > 1 else ''}"
        rows += [
            # It begins and it ends.
            Measured(
                f"writes of status, {label}", f"{told:.1f}", f"≤ {2 * steps}", told <= 2 * steps
            ),
            Measured(f"all writes, {label}", f"{writes:.1f}"),
            Measured(f"reads, {label}", f"{reads:.1f}"),
            Measured(f"CPU, {label}", f"{1000 * cpu:.0f} ms"),
        ]
    return rows


def _spent(operator: OperatorProcess) -> tuple[float, float, float, float]:
    """Return writes of runs' status, all writes, other calls, seconds of CPU."""
    told = operator.writes("trainingruns/status")
    return told, operator.writes(), operator.reads(), operator.cpu_seconds()


def _bytes(server: ApiServer, first: Team, size: Size) -> list[Measured]:
    """Tell what the runs of `_writes` keep in etcd: two kinds, and one more of each."""
    found = stored_bytes(server.etcd, first.name)
    runs = 2 * (size.counted + 1)
    rest = sum(found.values()) - found["trainingruns"] - found["modelversions"]
    run = found["trainingruns"] / runs
    return [
        Measured("etcd, an ended run", _kib(run), "≤ 8 KiB", run <= 8 * _KIB),
        Measured("etcd, a registered version", _kib(found["modelversions"] * 2 / runs)),
        Measured("etcd, Jobs, Pods and claims that a run leaves", _kib(rest / runs)),
    ]


async def _starts(first: Team, size: Size, when: str, bar: float) -> list[Measured]:
    say(f"starting {size.timed} runs, one by one, {when}")
    name = when.replace(" ", "-")
    waits = []
    for number in range(size.timed):
        waits.append(await first.waited(f"{name}-{number}", SHORT_SPEC))
        await asyncio.sleep(_PAUSE)
    for number in range(size.timed):
        await first.until_ended(f"{name}-{number}")
    name = f"apply → first Job, {when} (p50 / p99 / worst)"
    return [
        Measured(name, seconds(waits), f"p99 ≤ {bar:.0f} s", quantile(waits, _P99) <= bar),
    ]


async def _crowd(
    operator: OperatorProcess, first: Team, crowd: list[Team], size: Size
) -> list[Measured]:
    """Start the runs that stay, all at once, and time others when half and all of them live."""
    rows: list[Measured] = []
    half = size.live // 2
    for name, start, end in (("first half", 0, half), ("second half", half, size.live)):
        say(f"starting runs {start} to {end} at once")
        since = time.monotonic()
        await asyncio.gather(
            *(crowd[n // _PER_NAMESPACE].start(f"live-{n}", LIVE_SPEC) for n in range(start, end))
        )
        accepted = time.monotonic() - since
        await _until_begun(operator, crowd, end)
        took = time.monotonic() - since
        rows.append(
            Measured(
                f"{end - start} runs at once, {name}: accepted / all with a Job",
                f"{accepted:.0f} s / {took:.0f} s",
            )
        )
        await _at_rest(operator)
        rows += await _starts(first, size, f"beside {end} live", 3)
    rows.append(Measured(f"memory, {size.live} live runs", _mib(operator)))
    return rows


async def _until_begun(operator: OperatorProcess, crowd: list[Team], count: int) -> None:
    def have() -> bool:
        operator.check()
        return sum(len(one.begun) for one in crowd) >= count

    await until(have)


async def _restart(
    server: ApiServer,
    crowd: list[Team],
    there: str,
    others: tuple[Team, Size] | None = None,
) -> list[Measured]:
    """Start the operator anew; with `others`, start runs of theirs beside all that is there."""
    say(f"starting the operator anew, with {there}")
    live = sum(len(one.begun) for one in crowd)
    since = time.monotonic()
    async with operator_process(server) as operator:
        ready = time.monotonic() - since
        await _at_rest(operator)
        rested = time.monotonic() - since
        jobs = sum(1 for one in crowd for _ in one.mirror.all(one.name, "Job"))
        fits = operator.resident_mib() <= _MIB
        memory = Measured(f"memory, {there}", _mib(operator), f"≤ {_MIB} MiB", fits)
        starts = await _starts(*others, "beside all those", 3) if others else []
    told = f"{ready:.1f} s / {rested:.1f} s"
    what = f"restart with {there}: ready / at rest"
    # The aim is for runs that live: what has ended, with all that it left, is told beside it.
    aimed = Measured(what, told, f"≤ {_SECONDS} s", rested <= _SECONDS)
    return [
        Measured(what, told) if others else aimed,
        Measured(f"Jobs of the live runs after that, {there}", str(jobs), str(live), jobs == live),
        memory,
        *starts,
    ]


async def _at_rest(operator: OperatorProcess, quiet: float = 1.0) -> None:
    """Wait until nothing waits to be looked at and nothing has been written for a while."""
    while True:
        before = operator.writes()
        await asyncio.sleep(quiet)
        if operator.writes() == before and not operator.waiting():
            return


def _mib(operator: OperatorProcess) -> str:
    return f"{operator.resident_mib():.0f} MiB"


def _kib(size: float) -> str:
    return f"{size / _KIB:.1f} KiB"


def main() -> int:
    """Read the command line, measure, print; a number that misses its aim is no failure here."""
    parser = argparse.ArgumentParser(prog="bench-training", description=__doc__)
    parser.add_argument("--small", action="store_true", help="a few of everything, in a minute")
    parser.add_argument("--live", type=int, default=Size.live)
    parser.add_argument("--finished", type=int, default=Size.finished)
    given = parser.parse_args()
    size = SMALL if given.small else Size(live=given.live, finished=given.finished)
    rows = asyncio.run(bench(size))
    console = Console(width=None if sys.stdout.isatty() else 120)
    print_table(console, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
