"""Plays one scenario, with or without a kill, and says how it ended."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from apiserver.server import ApiServer
from comal_operator.shell.faults import TransientError
from crash.clock import Clock
from crash.cluster import Cluster, Mirror
from crash.diary import Diary, Entry
from crash.life import Kill, Life, When
from crash.people import People
from crash.recorder import Recorder, Snapshot
from crash.scenario import Scenario, Stage
from crash.standin.autoscalers import Shrinking
from crash.standin.controllers import Controllers
from crash.standin.deployments import Kubelet
from crash.standin.routers import Routers

# Seconds for a whole play, on a machine that does much else.
PATIENCE = 480.0
# So long nothing happens only when nothing will: three times the longest wait in a story.
_STUCK = 15.0
# So often, in that time, nobody had anything to do: else it is the machine that stands still.
_STUCK_TICKS = 300
# So long nothing may change before an end counts as one: longer than anybody hears late.
_QUIET = 0.4
_QUIET_TWINS = 1.0
_TICK = 0.02
# A late write of the routers' Secret that leaves the shares as they are is undone after half a
# minute of the plan: see `upkeep`. Until then all looks as if it were at rest.
_UNDONE = timedelta(seconds=35)
_ROUTERS = 2
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
    entries: tuple[Entry, ...]
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

    def __init__(self, start: Callable[[Kill | None, bool], Life], kill: Kill | None) -> None:
        self._start = start
        # What was written late shows at the next audit.
        self.needs_audit = kill is not None and kill.when == When.FROZEN
        self.quiet = _QUIET_TWINS if kill and kill.when == When.TWINS else _QUIET
        self._now = [start(kill, False)]
        if kill and kill.when == When.TWINS:
            self._now.append(start(None, True))
        self.all = list(self._now)

    async def replace_dead(self) -> None:
        for index, life in enumerate(self._now):
            if life.is_dead():
                await life.end()
                self._now[index] = self._start(None, life.is_laggard)
                self.all.append(self._now[index])
        if len(self._now) == 1 and self._now[0].trap.frozen:
            self._now.append(self._start(None, False))
            self.all.append(self._now[1])

    def most_writes(self) -> int:
        return max(len(life.trap.writes) for life in self._now)

    def are_idle(self) -> bool:
        return all(life.is_idle() for life in self._now)

    def is_one_frozen(self) -> bool:
        """Return whether one stands still, and all others have nothing to do."""
        frozen = [life for life in self._now if life.trap.frozen and not life.trap.thaw.is_set()]
        return bool(frozen) and all(life.is_idle() for life in self._now if life not in frozen)

    def thaw(self) -> None:
        for life in self._now:
            if life.trap.frozen:
                life.trap.thaw.set()

    async def audit(self) -> None:
        for life in self._now:
            await life.audit()
        self.needs_audit = False

    async def end(self) -> None:
        for life in self._now:
            await life.end()


async def play(
    theatre: Theatre, scenario: Scenario, kill: Kill | None, patience: float = PATIENCE
) -> Outcome:
    """Play `scenario` in a namespace of its own; `kill` strikes the first operator."""
    namespace = f"crash-{next(_numbers)}"
    await theatre.cluster.create_namespace(namespace)
    diary = Diary(theatre.mirror, namespace)
    recorder = Recorder(theatre.mirror, namespace)
    clock = Clock()
    routers = Routers(theatre.mirror, namespace, scenario.script)
    shrinking = Shrinking(theatre.mirror, namespace, scenario.script)
    kubelet = Kubelet(scenario.script, clock)
    controllers = Controllers(theatre.cluster, theatre.mirror, namespace, kubelet)

    names = (f"operator {number}" for number in itertools.count(1))

    def start(one: Kill | None, is_laggard: bool) -> Life:
        name = next(names) + (", late" if is_laggard else "")
        diary.note(f"{name} starts")
        return Life(
            theatre.server,
            theatre.mirror,
            namespace,
            kill=one,
            clock=clock,
            ask_router=routers.ask,
            note=lambda text, is_kill: diary.note(f"{name}: {text}", is_kill),
            is_laggard=is_laggard,
        )

    lives = _Lives(start, kill)
    stage = Stage(theatre.cluster, theatre.mirror, namespace)
    try:
        give_up = time.monotonic() + patience
        people = People(stage, scenario.moves, clock, diary)
        until = _Until(stage, scenario, people, clock, lives, recorder, controllers)
        fault = await until.over(give_up)
        diary.note(f"over: {fault or 'its goal is reached'}")
        snapshot, jobs = recorder.snapshot(), recorder.jobs()
        fault = fault or "; ".join((*routers.overtaken[:2], *shrinking.seen[:2]))
        if not fault and scenario.judge is not None:
            fault, snapshot = scenario.judge(stage, recorder), {}
    finally:
        await lives.end()
        await controllers.close()
        recorder.close()
        people.close()
        diary.close()
        routers.close()
        shrinking.close()
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
        entries=tuple(diary.entries),
        fault=fault,
    )


@dataclass(frozen=True)
class _Until:
    """Lets a scenario happen until it is over."""

    stage: Stage
    scenario: Scenario
    people: People
    clock: Clock
    lives: _Lives
    recorder: Recorder
    controllers: Controllers

    async def over(self, give_up: float) -> str:
        """Return what is wrong with the way that it went; empty if nothing is."""
        stage, scenario, lives, recorder = self.stage, self.scenario, self.lives, self.recorder
        people = self.people
        still, quiet, undone = 0, 0.0, self.clock()
        while time.monotonic() < give_up and not (quiet > _STUCK and still > _STUCK_TICKS):
            await asyncio.sleep(_TICK)
            self.clock.beat()
            before, quiet = quiet, recorder.quiet_for()
            still = 0 if quiet < before else still + lives.are_idle()
            stage.mirror.check()
            if self.controllers.faults:
                raise AssertionError("a stand-in failed") from self.controllers.faults[0]
            await lives.replace_dead()
            await people.act()
            if fault := self._fault():
                return fault

            def is_calm() -> bool:
                return self.controllers.is_idle() and recorder.quiet_for() > lives.quiet

            def is_over() -> bool:
                return lives.are_idle() and is_calm() and not people.left and scenario.goal(stage)

            if lives.is_one_frozen() and is_calm() and not people.are_due():
                # The latest moment is the worst for a status: others have gone as far as they can.
                lives.thaw()

            if self.clock() < undone:
                continue
            # On a busy machine the watches may be silent because they are late.
            if is_over() and await stage.mirror.is_current(stage.namespace) and is_over():
                if not lives.needs_audit:
                    return ""
                # The slowest router follows by then.
                await asyncio.sleep(_ROUTERS * scenario.script.router_lag)
                with suppress(TransientError):
                    await lives.audit()
                    undone = self.clock() + _UNDONE
        left = len(people.left)
        waiting = f"{left} moves to come" if left else "its goal was not reached"
        return f"never over: {waiting}"

    def _fault(self) -> str:
        if any(life.trap.stale_writes for life in self.lives.all):
            return "wrote after it had lost the Lease"
        if raised := [text for life in self.lives.all for text in life.raised]:
            return f"a look raised {raised[0]}"
        if (busy := self.lives.most_writes()) > _TOO_MANY_WRITES:
            return f"does not come to rest: {busy} writes"
        return ""
