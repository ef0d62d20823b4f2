"""One look at one object: decide from the cache, look live if that asks for a write, carry out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import ValidationError

from comal_operator.core.plan import Plan, Settings, WriteStatus
from comal_operator.shell import metrics
from comal_operator.shell.cache import ObjectKey
from comal_operator.shell.carry_out import Deeds
from comal_operator.shell.faults import ConflictError, MissingError, TransientError
from comal_operator.shell.kinds import Kinds
from comal_operator.shell.questions import Answers
from comal_operator.shell.unparsable import stalled
from comal_operator.shell.world import View, World

# Far above what any honest plan needs: a decision that never comes to rest must not spin.
_TURNS = 100
_LOOKS = 5

# So long what routers said is good enough for a further write.
_FRESH = timedelta(seconds=1)
_LATER = timedelta(seconds=5)

log = logging.getLogger(__name__)


class UnsettledError(Exception):
    """A decision asks for the same thing again and again: a bug, slowed down by back-off."""


class Reconciler:
    """Brings one object a look closer to what its spec says."""

    def __init__(
        self,
        *,
        kinds: Kinds,
        world: World,
        deeds: Deeds,
        answers: Answers,
        settings: Settings,
        clock: Callable[[], datetime],
    ) -> None:
        self._kinds = kinds
        self._world = world
        self._deeds = deeds
        self._answers = answers
        self._settings = settings
        self._clock = clock

    async def __call__(self, key: ObjectKey) -> timedelta | None:
        """Look at the object; return when to look again without being woken."""
        started = time.perf_counter()
        result = "failed"
        try:
            result, again = await self._look(key)
            return again
        finally:
            metrics.RECONCILES.labels(key.kind, result).inc()
            metrics.RECONCILE_SECONDS.labels(key.kind).observe(time.perf_counter() - started)

    async def _look(self, key: ObjectKey) -> tuple[str, timedelta | None]:
        if not self._world.exists(key):
            return "gone", None
        view = self._world.cached(key)
        if view is not None:
            plan, _ = await self._decide(view)
            if not plan.actions:
                return "idle", plan.requeue_after
            if _tells_only(plan):
                if not self._deeds.is_calm():
                    return "held", _LATER
                if await self._tell(view, plan):
                    return "told", plan.requeue_after
        for _ in range(_LOOKS):
            view = await self._world.live(key)
            if view is None:
                return "gone", None
            try:
                return "acted", await self._act(view)
            except (ConflictError, MissingError) as moved:
                log.info("%s %s/%s: %s; looking again", *key, moved)
        raise TransientError(f"{key.kind} {key.name} kept changing under us")

    async def _tell(self, view: View, plan: Plan) -> bool:
        """Write news from what the cache shows; return False if that takes a live look after all.

        Ten reads every few seconds for each run that trains would be most of what we do.
        """
        action = plan.actions[0]
        try:
            after = await self._deeds.carry_out(view, action)
        except (ConflictError, MissingError):
            return False
        return after.seen.refusals == view.seen.refusals

    async def _act(self, view: View) -> timedelta | None:
        asked = self._clock()
        for _ in range(_TURNS):
            plan, view = await self._decide(view)
            if not plan.actions:
                return plan.requeue_after
            view = await self._deeds.carry_out(view, plan.actions[0])
            now = self._clock()
            if now - asked > _FRESH:
                # A slow write may outlast a step of a rollout, which no old number may judge.
                view, asked = view.asked_anew(), now
        raise UnsettledError(f"still not at rest after {_TURNS} actions")

    async def _decide(self, view: View) -> tuple[Plan, View]:
        """Return the plan once all that it asks is answered, and the view with the answers."""
        kind = self._kinds[view.obj["kind"]]
        while True:
            now = self._clock()
            try:
                plan = kind.decide(view.obj, view.seen, now=now, settings=self._settings)
            except ValidationError as error:
                return stalled(view.obj, error, now), view
            asked = [one for one in plan.questions if one not in view.seen.answers]
            if not asked:
                return plan, view
            namespace = view.obj["metadata"]["namespace"]
            told = await asyncio.gather(*(self._answers.ask(namespace, one) for one in asked))
            view = view.with_answers(dict(zip(asked, told, strict=True)))


def _tells_only(plan: Plan) -> bool:
    (first, *others) = plan.actions
    return not others and isinstance(first, WriteStatus) and first.only_news
