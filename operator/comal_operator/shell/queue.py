"""Who is looked at next: one task per object, coalesced, with back-off and two priorities."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

from comal_operator.shell import metrics
from comal_operator.shell.cache import ObjectKey
from comal_operator.shell.faults import LeaseLostError, TransientError

WORKERS = 8
_FIRST_DELAY = 0.25
_LAST_DELAY = 300.0

log = logging.getLogger(__name__)


class Look(Protocol):
    """Looks at one object; returns when to look again without being woken."""

    async def __call__(self, key: ObjectKey) -> timedelta | None:
        """Raise whatever went wrong: the queue backs off."""


def backoff(failures: int, chance: float) -> float:
    """Return the seconds to wait after that many failures in a row; `chance` is in [0, 1).

    Full jitter: what failed together does not come back together.
    """
    return min(_LAST_DELAY, _FIRST_DELAY * 2.0 ** min(failures, 20)) * chance


class WorkQueue:
    """Runs `look` for every key that was added, never twice at once for one key."""

    def __init__(
        self,
        look: Look,
        *,
        chance: Callable[[], float] = random.random,
        pace: float = 1.0,
    ) -> None:
        """`pace` says how many seconds of a plan pass in a real one; only tests hurry."""
        self._look = look
        self._chance = chance
        self._pace = pace
        self._urgent: dict[ObjectKey, None] = {}
        self._waiting: dict[ObjectKey, None] = {}
        self._running: set[ObjectKey] = set()
        self._dirty: dict[ObjectKey, bool] = {}
        self._failures: dict[ObjectKey, int] = {}
        self._timers: dict[ObjectKey, asyncio.TimerHandle] = {}
        self._arrived = asyncio.Event()

    def add(self, key: ObjectKey, *, urgent: bool = False) -> None:
        """Look at `key` soon; before others when `urgent`."""
        if key in self._running:
            # Whatever is being looked at may have changed since: look once more afterwards.
            self._dirty[key] = urgent or self._dirty.get(key, False)
            return
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if urgent:
            self._waiting.pop(key, None)
            self._urgent[key] = None
        elif key not in self._urgent:
            self._waiting[key] = None
        self._show()

    def is_idle(self) -> bool:
        """Return whether nothing runs, is due or has failed; other timers may still be set."""
        return not (self._urgent or self._waiting or self._running or self._failures)

    async def run(self, may_start: Callable[[], Awaitable[None]] | None = None) -> None:
        """Work until cancelled; `may_start` is awaited first (a standby waits for its Lease)."""
        if may_start is not None:
            await may_start()
        async with asyncio.TaskGroup() as workers:
            for _ in range(WORKERS):
                workers.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = await self._next()
            self._running.add(key)
            try:
                await self._look_at(key)
            finally:
                self._running.discard(key)
            if key in self._dirty:
                self.add(key, urgent=self._dirty.pop(key))

    async def _next(self) -> ObjectKey:
        while not (self._urgent or self._waiting):
            self._arrived.clear()
            await self._arrived.wait()
        line = self._urgent or self._waiting
        key = next(iter(line))
        del line[key]
        self._show()
        return key

    async def _look_at(self, key: ObjectKey) -> None:
        try:
            again = await self._look(key)
        except LeaseLostError:
            raise
        except Exception as error:  # noqa: BLE001 - one poisonous object must not stop the others
            self._failed(key, error)
            return
        self._failures.pop(key, None)
        if again is not None:
            self._add_after(key, again.total_seconds() / self._pace)

    def _failed(self, key: ObjectKey, error: Exception) -> None:
        failures = self._failures[key] = self._failures.get(key, -1) + 1
        delay = backoff(failures, self._chance())
        if isinstance(error, TransientError):
            delay = max(delay, error.retry_after)
        # The API server being away is no fault of ours: a traceback would only hide the sentence.
        known = isinstance(error, TransientError)
        log.warning(
            "%s %s/%s: %s; looking again in %.1f s",
            *key,
            error or type(error).__name__,
            delay,
            exc_info=None if known else error,
        )
        self._add_after(key, delay)

    def _add_after(self, key: ObjectKey, delay: float) -> None:
        if old := self._timers.pop(key, None):
            old.cancel()
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(delay, self._ring, key)

    def _ring(self, key: ObjectKey) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _show(self) -> None:
        metrics.QUEUE_DEPTH.set(len(self._urgent) + len(self._waiting))
        self._arrived.set()
