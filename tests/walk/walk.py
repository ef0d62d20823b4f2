"""One walk: transitions in a namespace of its own, judged whenever it comes to rest."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from comal_operator.core.presets import read_presets
from crash.clock import Clock
from crash.life import SETTINGS, Life
from crash.play import Theatre
from crash.recorder import Recorder
from crash.standin.deployments import Kubelet
from crash.standin.routers import Routers
from walk.around_run import explained, has_ended
from walk.cluster_around import Around, script
from walk.consistent import faults
from walk.moves import Appear, Change, Release, Scene, ShouldNotBeError
from walk.plan import AUDIT, HOURS, RESTART, Command, Step
from walk.values import CLAIMS, CLASSES, PRESETS

# Seconds of a plan that pass in one of ours: the longest rest after a failure is 40 of them here.
_PACE = 20.0
_TICK = 0.02
# So long nothing may change before that counts as rest; so long nothing happens only when nothing
# will: several times the minute after which the operator tries again what failed.
_QUIET = 0.3
_STUCK = 12.0
_PATIENCE = 240.0
_TOO_MANY_WRITES = 1500
_HOURS = timedelta(hours=3)

_PRESETS = Path(__file__).resolve().parents[2] / "manifests" / "base" / "presets.yaml"
_numbers = itertools.count(1)


class FoundWrongError(Exception):
    """What an oracle found wrong."""


@dataclass
class Stage:
    """A namespace with an operator and all that is around it."""

    theatre: Theatre
    scene: Scene
    recorder: Recorder
    clock: Clock
    start: Callable[[], Life]
    life: Life
    raised: list[str] = field(default_factory=list)
    ends: list[tuple[str, Any]] = field(default_factory=list)
    """Every run that ended, in order, as it was then."""

    async def do(self, step: Step) -> None:
        """Carry a transition out; raise FoundWrongError for what is wrong by then."""
        if isinstance(step.move, Command):
            await self._command(step.move)
        else:
            try:
                await step.move.do(self.scene)
            except ShouldNotBeError as error:
                raise FoundWrongError(str(error)) from None
        if step.pause is None:
            await self.rest()
        else:
            await asyncio.sleep(step.pause)
            self._check()

    async def rest(self) -> None:
        """Wait until nothing changes any more, and judge; raise FoundWrongError."""
        give_up = time.monotonic() + _PATIENCE
        while time.monotonic() < give_up:
            await asyncio.sleep(_TICK)
            self._check()
            # On a busy machine the watches may be silent because they are late.
            current = self.theatre.mirror.is_current
            if self._is_at_rest() and await current(self.scene.namespace) and self._is_at_rest():
                break
        else:
            raise FoundWrongError("it does not come to rest")
        wrong = list(faults(self.scene))
        if wrong:
            raise FoundWrongError("; ".join(wrong[:4]))

    def _is_at_rest(self) -> bool:
        quiet = self.recorder.quiet_for()
        idle = self.life.is_idle() and self.scene.around.is_idle()
        return idle and (quiet > _STUCK or (quiet > _QUIET and self._is_settled()))

    def _is_settled(self) -> bool:
        runs = self.scene.mirror.all(self.scene.namespace, "TrainingRun")
        return all(map(self._explained, runs))

    def _explained(self, run: Any) -> bool:
        seen = (run.get("status") or {}).get("observedGeneration") == run["metadata"]["generation"]
        return seen and explained(self.scene, run)

    def _check(self) -> None:
        self.theatre.mirror.check()
        around = self.scene.around
        if around.faults:
            raise AssertionError("a stand-in failed") from around.faults[0]
        if self.life.raised:
            raise FoundWrongError(f"a look raised {self.life.raised[0]}")
        if len(self.life.trap.writes) > _TOO_MANY_WRITES:
            raise FoundWrongError("the operator writes without an end")

    async def _command(self, command: Command) -> None:
        if command == RESTART:
            self._check()
            await self.life.end()
            self.life = self.start()
        elif command == HOURS:
            self.scene.hours += 3
            self.clock.skipped += _HOURS
            await self.life.audit()
        elif command == AUDIT:
            await self.life.audit()

    def note_ends(self, event: Any) -> None:
        """Remember every run as it ends."""
        body = event["object"]
        if body["kind"] == "TrainingRun" and event["type"] != "DELETED" and has_ended(body):
            uid = body["metadata"]["uid"]
            if all(uid != one for one, _ in self.ends):
                self.ends.append((uid, body))


@asynccontextmanager
async def staged(theatre: Theatre) -> AsyncIterator[Stage]:
    """Make a namespace with an operator in it, and clear it in the end."""
    namespace = f"walk-{next(_numbers)}"
    await theatre.cluster.create_namespace(namespace)
    recorder = Recorder(theatre.mirror, namespace)
    clock = Clock(pace=_PACE)
    routers = Routers(theatre.mirror, namespace, script())
    around = Around(theatre.cluster, theatre.mirror, namespace, Kubelet(script(), clock))
    presets = {k: v for k, v in read_presets(_PRESETS.read_text()).items() if k in PRESETS}

    def start() -> Life:
        return Life(
            theatre.server,
            theatre.mirror,
            namespace,
            kill=None,
            note=lambda *_: None,
            clock=clock,
            ask_router=routers.ask,
            settings=replace(SETTINGS, presets=presets),
        )

    scene = Scene(theatre.cluster, theatre.mirror, namespace, around)
    stage = Stage(theatre, scene, recorder, clock, start, start())
    unlisten = theatre.mirror.listen(namespace, stage.note_ends)
    try:
        yield stage
    finally:
        unlisten()
        await stage.life.end()
        await around.close()
        recorder.close()
        routers.close()
        kinds = {body["kind"] for body in theatre.mirror.all(namespace)}
        await theatre.cluster.clear(namespace, kinds)
        theatre.mirror.forget(namespace)


async def walk(stage: Stage, steps: Sequence[Step]) -> None:
    """Go the walk, and then let everything come to its end; raise FoundWrongError."""
    for step in steps:
        await stage.do(step)
    await recover(stage)


async def recover(stage: Stage) -> None:
    """Put right whatever was wrong: every run must end then, but those that only a person can help.

    The last part of the third oracle.
    """
    for move in _everything_appears():
        await move.do(stage.scene)
    for run in list(stage.scene.mirror.all(stage.scene.namespace, "TrainingRun")):
        name = run["metadata"]["name"]
        if name in _people(stage):
            await Release(name).do(stage.scene)
            await Change(name, {"suspend": False}).do(stage.scene)
    await stage.rest()


def _people(stage: Stage) -> set[str]:
    runs = stage.scene.mirror.all(stage.scene.namespace, "TrainingRun")
    return {one["metadata"]["name"] for one in runs if one["metadata"]["uid"] in stage.scene.sent}


def _everything_appears() -> Iterable[Appear]:
    yield from (Appear("StorageClass", name) for name in CLASSES)
    yield from (Appear("PersistentVolumeClaim", name) for name in CLAIMS)
    yield Appear("ModelRegistry", "models")
