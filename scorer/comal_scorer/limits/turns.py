"""Who waits for a turn: so many requests are worked on at once, the others stand in line."""

from __future__ import annotations

import asyncio

from comal_scorer.limits.body import overloaded

# Bodies of those who wait are in memory: with many places more would wait longer than they may.
_WAITING_PER_PLACE = 16
_LONGEST_LINE = 256


class Turns:
    """Places for `at_once` requests, and a line in which one waits `seconds` at most.

    Lives on one event loop.
    """

    def __init__(self, at_once: int, seconds: float) -> None:
        """Start with all places free."""
        self._places = asyncio.Semaphore(at_once)
        self._seconds = seconds
        self._longest = min(_WAITING_PER_PLACE * at_once, _LONGEST_LINE)
        self._waiting = 0

    async def take(self) -> None:
        """Return with a place, in the order of coming; raises `RequestError` 503 without one."""
        if self._waiting >= self._longest:
            raise overloaded(f"{self._waiting} requests are waiting")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._places.acquire()
        except TimeoutError:
            message = f"no place became free within {self._seconds:g} s (limits.queueWait)"
            raise overloaded(message) from None
        finally:
            self._waiting -= 1

    def give_back(self) -> None:
        """Let the next one in."""
        self._places.release()
