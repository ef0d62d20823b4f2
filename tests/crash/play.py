"""Plays one scenario, with or without a kill, and says how it ended."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

from apiserver.server import ApiServer
from comal_operator.shell.questions import AskRouter
from crash.cluster import Cluster, Mirror
from crash.life import Clock, Kill, Life, When
from crash.recorder import Recorder, Snapshot
from crash.scenario import Scenario, Stage
from crash.standin.controllers import Controllers
from crash.standin.deployments import Kubelet
from crash.standin.routers import Routers

PATIENCE = 60.0
# So long nothing may change before an end counts as one.
_QUIET = 0.4
_TICK = 0.02
# Several times what the longest story needs.
_TOO_MANY_WRITES = 300

_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a scenario ended."""

    scenario: str
    kill: Kill | None
    writes: tuple[str, ...]
    snapshot: Snapshot
    jobs: dict[str, int]
    registrations: dict[str, int]
    lives: int
    stale_writes: int
    sprung: bool
    fault: str
    """What is wrong already without a comparison; empty if nothing is."""


@dataclass(frozen=True)
class Theatre:
    """What all runs share."""

    server: ApiServer
    cluster: Cluster
    mirror: Mirror


class _Lives:
    """The operators of one run: whoever is dead is followed by another."""

    def __init__(self, start: Callable[[Kill | None], Life], kill: Kill | None) -> None:
        self._start = start
        self._now = [start(kill)]
        if kill and kill.when == When.TWINS:
            self._now.append(start(None))
        self.all = list(self._now)

    async def replace_dead(self) -> None:
        for index, life in enumerate(self._now):
            if life.is_dead():
                await life.end()
                self._now[index] = self._start(None)
                self.all.append(self._now[index])

    def most_writes(self) -> int:
        return max(len(life.trap.writes) for life in self._now)

    def are_idle(self) -> bool:
        return all(life.is_idle() for life in self._now)

    async def end(self) -> None:
        for life in self._now:
            await life.end()


async def play(
    theatre: Theatre, scenario: Scenario, kill: Kill | None, patience: float = PATIENCE
) -> Outcome:
    """Play `scenario` in a namespace of its own; `kill` strikes the first operator."""
    namespace = f"crash-{next(_numbers)}"
    await theatre.cluster.create_namespace(namespace)
    recorder = Recorder(theatre.mirror, namespace)
    clock = Clock()
    routers = Routers(theatre.mirror, namespace, scenario.script.router_lag)
    kubelet = Kubelet(scenario.script, clock)
    controllers = Controllers(theatre.cluster, theatre.mirror, namespace, kubelet)
    lives = _Lives(lambda one: _life(theatre, namespace, one, clock, routers.ask), kill)
    stage = Stage(theatre.cluster, theatre.mirror, namespace)
    try:
        give_up = time.monotonic() + patience
        fault = await _until_over(stage, scenario, lives, recorder, controllers, give_up=give_up)
        snapshot, jobs = recorder.snapshot(), recorder.jobs()
        fault = fault or "; ".join(routers.overtaken[:2])
        if not fault and scenario.judge is not None:
            fault, snapshot = scenario.judge(stage, recorder), {}
    finally:
        await lives.end()
        await controllers.close()
        recorder.close()
        routers.close()
        # Ten thousand stories would not fit into etcd.
        kinds = {body["kind"] for body in theatre.mirror.all(namespace)}
        await theatre.cluster.clear(namespace, kinds)
        theatre.mirror.forget(namespace)
    first = lives.all[0].trap
    return Outcome(
        scenario=scenario.name,
        kill=kill,
        writes=tuple(f"{verb} {ref.kind} {ref.name}" for verb, ref in first.writes),
        snapshot=snapshot,
        jobs=jobs if scenario.judge is None else {},
        registrations=dict(recorder.registrations) if scenario.judge is None else {},
        lives=len(lives.all),
        stale_writes=sum(life.trap.stale_writes for life in lives.all),
        sprung=first.sprung or bool(kill and kill.when == When.TWINS),
        fault=fault,
    )


def _life(
    theatre: Theatre, namespace: str, kill: Kill | None, clock: Clock, ask: AskRouter
) -> Life:
    return Life(theatre.server, theatre.mirror, namespace, kill=kill, clock=clock, ask_router=ask)


async def _until_over(
    stage: Stage,
    scenario: Scenario,
    lives: _Lives,
    recorder: Recorder,
    controllers: Controllers,
    *,
    give_up: float,
) -> str:
    moves = list(scenario.moves)
    while time.monotonic() < give_up:
        await asyncio.sleep(_TICK)
        stage.mirror.check()
        if controllers.faults:
            raise AssertionError("a stand-in failed") from controllers.faults[0]
        await lives.replace_dead()
        if moves and moves[0].when(stage):
            await moves.pop(0).do(stage)
        if any(life.trap.stale_writes for life in lives.all):
            return "wrote after it had lost the Lease"
        if (busy := lives.most_writes()) > _TOO_MANY_WRITES:
            return f"does not come to rest: {busy} writes"
        resting = lives.are_idle() and controllers.is_idle() and recorder.quiet_for() > _QUIET
        if not moves and scenario.goal(stage) and resting:
            return ""
    waiting = f"{len(moves)} moves to come" if moves else "its goal was not reached"
    return f"never over: {waiting}"
