"""Ends the process when it is too big or too slow: a restart is the path we test."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from comal_operator.shell import metrics

_EVERY = 1.0
_TOLERATED_LAG = 5.0
_FOR = 30.0


class UnwellError(Exception):
    """The process should be replaced."""


async def watch_over(*, memory_limit: int) -> None:
    """Run until the process is unwell, then raise UnwellError; `memory_limit` is in bytes."""
    late_since: float | None = None
    while True:
        slept = time.monotonic()
        await asyncio.sleep(_EVERY)
        now = time.monotonic()
        lag = now - slept - _EVERY
        metrics.LOOP_LAG.set(lag)
        late_since = (late_since or slept) if lag > _TOLERATED_LAG else None
        if late_since is not None and now - late_since >= _FOR:
            raise UnwellError(f"the event loop was {lag:.1f} s late for {_FOR:.0f} s")
        if (size := resident_bytes()) > memory_limit:
            raise UnwellError(f"{size >> 20} MiB resident, over the limit {memory_limit >> 20} MiB")


def resident_bytes() -> int:
    """Return the memory of this process that lies in RAM."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
