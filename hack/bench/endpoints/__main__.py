"""`make bench-endpoints`: many ModelDeployments, some of them rolling out, round after round.

A real API server and the operator's own process; kubelets by script, routers that answer over HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

from rich.console import Console

from apiserver.server import ApiServer, api_server
from bench.endpoints.routers import Fleet
from bench.endpoints.tenants import VERSIONS, Tenant, all_serve, tenant
from bench.training.measured import Measured, print_table
from bench.training.process import OperatorProcess, operator_process
from bench.training.teams import mirrored, until
from cluster.commands import say

_PER_NAMESPACE = 10
_SIDE_BY_SIDE = 16
_REST = 30.0
# What an operator may need, whatever has happened.
_MIB = 256
Endpoint = tuple[Tenant, str]


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    endpoints: int
    rolling: int
    rounds: int


async def bench(size: Size) -> list[Measured]:
    """Measure everything; each number is told as soon as it is known."""
    rows: list[Measured] = []

    def add(*found: Measured) -> None:
        for row in found:
            say(f"{row.name}: {row.value}")
        rows.extend(found)

    with api_server() as server:
        async with AsyncExitStack() as stack:
            enter = stack.enter_async_context
            cluster, mirror = await enter(mirrored(server, "ModelDeployment"))
            fleet = await enter(Fleet())
            count = -(-size.endpoints // _PER_NAMESPACE)
            tenants = [await enter(tenant(cluster, mirror, fleet, f"t{n}")) for n in range(count)]
            all_of_them = [
                (tenants[number // _PER_NAMESPACE], f"endpoint-{number}")
                for number in range(size.endpoints)
            ]
            async with operator_process(server) as operator:
                add(_memory(operator, "nothing to do"))
                add(*await _deploy(operator, all_of_them))
                add(*await _rest(operator, size))
                for number in range(size.rounds):
                    add(*await _roll(operator, fleet, all_of_them, size, number))
            add(*await _restart(server, all_of_them))
    return rows


async def _deploy(operator: OperatorProcess, endpoints: list[Endpoint]) -> list[Measured]:
    since, before = time.monotonic(), operator.writes()
    gate = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def create(one: Endpoint) -> None:
        async with gate:
            await one[0].deploy(one[1])

    await asyncio.gather(*(create(one) for one in endpoints))
    accepted = time.monotonic() - since
    await all_serve(((one, name, VERSIONS[0]) for one, name in endpoints), 3600)
    took = time.monotonic() - since
    return [
        Measured(
            f"{len(endpoints)} endpoints at once: accepted / all Ready",
            f"{accepted:.0f} s / {took:.0f} s",
        ),
        Measured("writes, an endpoint", f"{(operator.writes() - before) / len(endpoints):.1f}"),
        _memory(operator, f"{len(endpoints)} endpoints"),
    ]


async def _rest(operator: OperatorProcess, size: Size) -> list[Measured]:
    await asyncio.sleep(_REST / 3)
    writes, cpu = operator.writes(), operator.cpu_seconds()
    await asyncio.sleep(_REST)
    there = f"{size.endpoints} endpoints at rest"
    used, wrote = (operator.cpu_seconds() - cpu) / _REST, operator.writes() - writes
    return [
        Measured(f"CPU, {there}", f"{100 * used:.1f} % of a core"),
        Measured(f"writes in {_REST:.0f} s, {there}", str(wrote), "0", wrote == 0),
    ]


async def _roll(
    operator: OperatorProcess, fleet: Fleet, endpoints: list[Endpoint], size: Size, number: int
) -> list[Measured]:
    start = number * size.rolling % size.endpoints
    rolled = (number * size.rolling // size.endpoints) % 2
    chosen = endpoints[start : start + size.rolling]
    version = VERSIONS[1 - rolled]
    since, cpu = time.monotonic(), operator.cpu_seconds()
    before, asked = operator.writes(), fleet.asked
    await asyncio.gather(*(one.want(name, version) for one, name in chosen))
    await all_serve(((one, name, version) for one, name in chosen), 1800)
    took = time.monotonic() - since
    name = f"round {number + 1}, {len(chosen)} rollouts at once"
    used = (operator.cpu_seconds() - cpu) / took
    each = (operator.writes() - before) / len(chosen)
    told = f"{took:.0f} s, {each:.1f} writes each, {(fleet.asked - asked) / took:.0f} questions/s"
    return [
        Measured(name, f"{told}, {100 * used:.0f} % of a core"),
        _memory(operator, f"after round {number + 1}"),
    ]


async def _restart(server: ApiServer, endpoints: list[Endpoint]) -> list[Measured]:
    say("starting the operator anew")
    since = time.monotonic()
    async with operator_process(server) as operator:
        ready = time.monotonic() - since
        await until(lambda: not operator.waiting())
        rested = time.monotonic() - since
        wrote = operator.writes()
        there = f"{len(endpoints)} endpoints"
        return [
            Measured(
                f"restart with {there}: ready / all looked at", f"{ready:.1f} s / {rested:.1f} s"
            ),
            Measured("writes at that", str(wrote), "0", wrote == 0),
            _memory(operator, f"after a restart with {there}"),
        ]


def _memory(operator: OperatorProcess, when: str) -> Measured:
    found = operator.resident_mib()
    return Measured(f"memory, {when}", f"{found:.0f} MiB", f"≤ {_MIB} MiB", found <= _MIB)


def main() -> None:
    """Read the command line, measure, print; a number that misses its aim is no failure here."""
    parser = argparse.ArgumentParser(prog="bench-endpoints", description=__doc__)
    parser.add_argument("--endpoints", type=int, default=1000)
    parser.add_argument("--rolling", type=int, default=100, help="at once")
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    rows = asyncio.run(bench(Size(given.endpoints, given.rolling, given.rounds)))
    print_table(Console(width=140), rows)


if __name__ == "__main__":
    main()
