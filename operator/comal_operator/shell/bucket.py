"""A token bucket: so many at once, so many a second after that."""

from __future__ import annotations

import asyncio
import time


class Bucket:
    """Limits how fast `take` returns; waiting takers are served in order."""

    def __init__(self, *, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._tokens = float(burst)
        self._filled = time.monotonic()
        self._turn = asyncio.Lock()

    def is_calm(self) -> bool:
        """Return whether half of the burst is left, so that a take that could wait need not."""
        self._fill()
        return self._tokens > self._burst / 2

    async def take(self) -> None:
        """Return when there is a token, and use it up."""
        async with self._turn:
            self._fill()
            if self._tokens < 1:
                await asyncio.sleep((1 - self._tokens) / self._per_second)
                self._fill()
            self._tokens -= 1

    def _fill(self) -> None:
        now = time.monotonic()
        gained = (now - self._filled) * self._per_second
        self._tokens, self._filled = min(self._burst, self._tokens + gained), now
