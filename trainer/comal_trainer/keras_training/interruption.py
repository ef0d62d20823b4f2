"""SIGTERM: the Pod is about to go, and what was learned since the last checkpoint with it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

# What a shell says of a process that SIGTERM ended.
EXIT_CODE: Final = 128 + signal.SIGTERM


@contextmanager
def termination() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM sets, so that the loop can end between two steps."""
    asked = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    former = signal.signal(signal.SIGTERM, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, former)
