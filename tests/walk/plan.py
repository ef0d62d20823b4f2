"""The transitions of one walk, from its seed alone: nothing that happens meanwhile changes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from crash.standin.jobs import Ending
from walk.cluster_around import Part
from walk.moves import (
    Appear,
    Change,
    ChangeFixed,
    Create,
    CreateWrong,
    DeleteJobs,
    DeleteRun,
    EndJobs,
    Move,
    Release,
    Vanish,
)
from walk.schema import Schema
from walk.specs import Spec, make_spec
from walk.values import CLAIMS, CLASSES, METRICS
from walk.wrong import break_one

LENGTH = 12
_RUNS = ("a", "b", "r" * 40)
# Codes that programs end with; 64 is fatal by default, 137 is the kernel's for memory.
_CODES = (1, 3, 64, 137)
_TTLS = ({"children": "2h"}, {"workspace": "3h"}, {"children": "0s", "workspace": "2h"}, None)
_FIXED: tuple[Spec, ...] = (
    {"image": "other:2"},
    {"experiment": "other"},
    {"parameters": {"new": "1"}},
    {"gate": None, "register": None, "steps": [{"name": "instead"}]},
    {"workspace": {"mountPath": "/elsewhere"}},
)


@dataclass(frozen=True)
class Step:
    """A transition, and how long nothing else happens: None until all is at rest."""

    move: Move | Command
    pause: float | None

    @property
    def kind(self) -> str:
        """What it is, in a word."""
        return self.move.what if isinstance(self.move, Command) else type(self.move).__name__

    def __str__(self) -> str:
        """Return what happens, in a line."""
        then = "rest" if self.pause is None else f"{self.pause:.2f} s"
        return f"{_said(self.move)}; then {then}"


@dataclass(frozen=True)
class Command:
    """What happens to the operator itself, or to its clock."""

    what: str


RESTART, AUDIT, HOURS = Command("restart"), Command("audit"), Command("three hours pass")


class Planner:
    """Thinks up one walk."""

    def __init__(self, schema: Schema, seed: int, number: int) -> None:
        self._schema = schema
        self._dice = Random(f"{seed}/{number}")
        self._runs: set[str] = set()
        self._number = 0
        self.skipped: set[str] = set()
        """Fields that no spec of the walk has."""

    def steps(self, length: int = LENGTH) -> list[Step]:
        """Return the transitions."""
        found = [self._paused(self._create())]
        while len(found) < length:
            move = self._next() if self._runs else self._create()
            found.append(self._paused(move))
        return found

    def _paused(self, move: Move | Command) -> Step:
        dice = self._dice
        return Step(move, None if dice.random() < 0.4 else round(dice.uniform(0, 0.6), 2))

    def _next(self) -> Move | Command:
        ways: list[tuple[int, Callable[[], Move | Command]]] = [
            (24 if len(self._runs) < len(_RUNS) else 0, self._create),
            (10, self._wrong),
            (8, lambda: self._change(suspend=True)),
            (10, lambda: self._change(suspend=False)),
            (3, lambda: self._change(cancel=True)),
            (1, lambda: self._change(cancel=False)),
            (6, lambda: self._change(ttl=self._dice.choice(_TTLS))),
            (4, lambda: ChangeFixed(self._run(), self._dice.choice(_FIXED))),
            (7, self._delete),
            (12, lambda: Release(self._run())),
            (8, lambda: EndJobs(self._run(), self._end())),
            (4, lambda: DeleteJobs(self._run())),
            (7, lambda: Appear(*self._thing())),
            (5, lambda: Vanish(*self._thing())),
            (4, lambda: RESTART),
            (2, lambda: AUDIT),
            (3, lambda: HOURS),
        ]
        weights = [weight for weight, _ in ways]
        return self._dice.choices([way for _, way in ways], weights)[0]()

    def _create(self) -> Create:
        free = [name for name in _RUNS if name not in self._runs]
        name = self._dice.choice(free)
        self._runs.add(name)
        self._number += 1
        spec = make_spec(self._schema, self._dice, self.skipped)
        return Create(name, spec, self._part(spec), str(self._number))

    def _wrong(self) -> CreateWrong:
        spec = make_spec(self._schema, self._dice, self.skipped)
        wrong = break_one(self._schema, spec, self._dice)
        return CreateWrong("wrong", wrong.spec, wrong.what, wrong.word)

    def _change(self, **spec: Any) -> Change:
        return Change(self._run(), spec)

    def _delete(self) -> DeleteRun:
        name = self._run()
        self._runs.discard(name)
        return DeleteRun(name)

    def _run(self) -> str:
        return self._dice.choice(sorted(self._runs) or _RUNS)

    def _thing(self) -> tuple[str, str]:
        things = [
            *(("PersistentVolumeClaim", name) for name in CLAIMS),
            *(("StorageClass", name) for name in CLASSES),
            ("ModelRegistry", "models"),
        ]
        return self._dice.choice(things)

    def _part(self, spec: Spec) -> Part:
        dice, steps = self._dice, spec["steps"]
        values = {name: dice.choice(("100", "90", "110.5", "0", "1e4")) for name in METRICS}
        if dice.random() < 0.1:
            values[dice.choice(METRICS)] = "NaN"
        if dice.random() < 0.1:
            del values[dice.choice(METRICS)]
        held = frozenset(one["name"] for one in steps if dice.random() < 0.4)
        endings = {
            one["name"]: tuple(self._failure() for _ in range(dice.randint(1, 3)))
            for one in steps
            # A step that may be served from another run must end the same either way.
            if "cache" not in one and dice.random() < 0.3
        }
        return Part(values, endings, held)

    def _failure(self) -> Ending:
        if self._dice.random() < 0.4:
            return Ending(143, disrupted=True)
        return Ending(self._dice.choice(_CODES), "no such file")

    def _end(self) -> Ending | None:
        return self._dice.choice((Ending(143, disrupted=True), Ending(143, disrupted=True), None))


def _said(move: Move | Command) -> str:
    if isinstance(move, Create):
        return f"create {move.run}: {move.spec} {move.part}"
    if isinstance(move, CreateWrong):
        return f"create with {move.what}"
    return str(move)
