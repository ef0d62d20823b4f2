"""What a look builds a further write on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from comal_operator.core.plan import (
    Apply,
    LogTail,
    Manifest,
    Plan,
    Question,
    Relevant,
    RouterVersions,
    Seen,
    Settings,
)
from comal_operator.shell.cache import ObjectKey
from comal_operator.shell.carry_out import Deeds
from comal_operator.shell.kinds import Kind
from comal_operator.shell.questions import Answers
from comal_operator.shell.reconcile import Reconciler
from comal_operator.shell.world import View, World

ROUTER, LOG = RouterVersions("router-0", "10.0.0.1", counters=True), LogTail("pod", "step")
OBJECT = {"kind": "ModelDeployment", "metadata": {"name": "one", "namespace": "team"}}
SETTINGS = Settings(
    operator_namespace="comal-system",
    trainer_image="t:1",
    scorer_image="s:1",
    router_image="r:1",
    registry_image="g:1",
)


class Slow:
    """The world, the deeds and the answers, where a write takes a while."""

    def __init__(self, seconds: float) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.write = timedelta(seconds=seconds)
        self.asked: list[Question] = []

    def exists(self, _: ObjectKey) -> bool:
        return True

    def cached(self, _: ObjectKey) -> View:
        return View(OBJECT, Seen())

    async def live(self, _: ObjectKey) -> View:
        return View(OBJECT, Seen())

    async def carry_out(self, view: View, _: Any) -> View:
        self.now += self.write
        return view

    async def ask(self, _: str, question: Question) -> Any:
        self.asked.append(question)
        return {"asked": self.asked.count(question)}


def decide_twice(decided: list[Any]) -> Kind:
    """Return a kind that wants two writes, and asks a router and for a log."""

    def decide(obj: Manifest, seen: Seen, /, *, now: datetime, settings: Settings) -> Plan:
        del obj, now, settings
        if ROUTER not in seen.answers or LOG not in seen.answers:
            return Plan(questions=(ROUTER, LOG))
        decided.append(seen.answers[ROUTER]["asked"])
        # The first of them is the cache's, after which the live look begins.
        return Plan(actions=(Apply((OBJECT,)),) if len(decided) < 4 else ())

    return Kind(decide, Relevant(label="comal.dev/model-deployment", by_label=()))


@pytest.mark.parametrize(("seconds", "numbers"), [(0.1, [1, 2, 2, 2]), (1.5, [1, 2, 3, 4])])
def test_no_write_is_built_on_numbers_from_before_a_slow_one(
    seconds: float, numbers: list[int]
) -> None:
    slow, decided = Slow(seconds), list[Any]()
    reconciler = Reconciler(
        kinds={"ModelDeployment": decide_twice(decided)},
        world=cast("World", slow),
        deeds=cast("Deeds", slow),
        answers=cast("Answers", slow),
        settings=SETTINGS,
        clock=lambda: slow.now,
    )
    asyncio.run(reconciler(ObjectKey("ModelDeployment", "team", "one")))
    assert decided == numbers
    # What else was asked does not grow old within a look.
    assert slow.asked.count(LOG) == 2
