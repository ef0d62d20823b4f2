"""A limit of time for what nearly always comes at once: one timer for all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")


class Patience:
    """Ends waits that take longer than `seconds`, up to half as much late.

    A timer for each wait would cost more than most waits take; here each costs two entries in a
    dictionary. Lives on one event loop.
    """

    def __init__(self, seconds: float) -> None:
        """Watch nobody yet."""
        self._seconds = seconds
        self._waiting: dict[asyncio.Task[Any], int] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._round = 0
        self._watched = False

    async def wait(self, wanted: Awaitable[T]) -> T:
        """Return what is awaited; raises `TimeoutError` when it does not come in time."""
        task = asyncio.current_task()
        if task is None:
            return await wanted
        if not self._watched:
            self._watch()
        self._waiting[task] = self._round
        try:
            return await wanted
        except asyncio.CancelledError:
            if task in self._late:
                task.uncancel()
                raise TimeoutError from None
            raise
        finally:
            del self._waiting[task]
            self._late.discard(task)

    def _watch(self) -> None:
        """Look round twice in the time that one may wait."""
        self._watched = bool(self._waiting) or not self._watched
        if not self._watched:
            return
        self._round += 1
        for task, since in self._waiting.items():
            if self._round - since > 2 and task not in self._late:
                self._late.add(task)
                task.cancel()
        asyncio.get_running_loop().call_later(self._seconds / 2, self._watch)
