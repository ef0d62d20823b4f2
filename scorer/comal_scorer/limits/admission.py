"""Who is let in, and where the work runs: on the event loop or in a bounded pool of threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from comal_scorer import contract
from comal_scorer.limits.body import overloaded

_LONGEST_QUEUE = 256

A = TypeVar("A")
T = TypeVar("T")


class Admission:
    """Runs what was let in; whoever would wait too long is refused at once.

    Lives on one event loop; `in_flight` counts what has not been answered yet.
    """

    def __init__(
        self, *, inline: bool, threads: int, most: int, moved: Callable[[int], object]
    ) -> None:
        """Let `most` in at a time; `inline` says that light work needs no thread.

        `moved` is told of every one that comes (1) and goes (-1).
        """
        self._moved = moved
        self.in_flight = 0
        self._inline = inline
        self._most = most
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="score")

    async def run(self, work: Callable[[A], T], argument: A, *, light: bool) -> T:
        """Return what the work returns; raises `RequestError` 503 when there is no place.

        `light` work may run on the event loop when the model is quick enough.
        """
        if self.in_flight >= self._most:
            raise overloaded(f"{self.in_flight} requests are being scored")
        self.in_flight += 1
        self._moved(1)
        try:
            if light and self._inline:
                return work(argument)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, work, argument)
        finally:
            self.in_flight -= 1
            self._moved(-1)


def queue_length(seconds: float, threads: int) -> int:
    """Return how many requests may be in the house when one forward pass takes `seconds`.

    The last in the queue waits about `DEFAULT_QUEUE_SECONDS`; two per thread are always let in.
    """
    fitting = int(contract.DEFAULT_QUEUE_SECONDS * threads / max(seconds, 1e-6))
    return max(2 * threads, min(fitting, _LONGEST_QUEUE))
