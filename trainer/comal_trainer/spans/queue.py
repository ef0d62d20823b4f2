"""What waits to be sent: so many bytes at most, and what does not fit is counted and gone."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import Final

# As protobuf; a few times as much while a batch is being sent.
MAX_BYTES: Final = 16 << 20
_BATCH: Final = 512


class Waiting:
    """Bodies of OTLP that were taken, in the order of coming; safe to use from any thread."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._left = max_bytes
        self._bodies: deque[tuple[bytes, int]] = deque()
        self._changed = threading.Condition()
        self.counts: Counter[str] = Counter(taken=0, sent=0, dropped=0)
        """Spans by what became of them."""

    def put(self, body: bytes, count: int) -> bool:
        """Take a body; return False where there is no room for it."""
        with self._changed:
            if len(body) > self._left:
                self.counts["dropped"] += count
                return False
            self._left -= len(body)
            self._bodies.append((body, count))
            self.counts["taken"] += count
            self._changed.notify_all()
            return True

    def take(self, patience: float, gather: float) -> list[bytes]:
        """Return what is sent next: all that comes in `gather` seconds after the first, or so.

        Nothing came for `patience` seconds: nothing is returned.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self._bodies), patience):
                return []
            until = time.monotonic() + gather
            self._changed.wait_for(self._is_full, until - time.monotonic())
            found: list[bytes] = []
            spans = 0
            while self._bodies and spans < _BATCH:
                body, count = self._bodies.popleft()
                found.append(body)
                spans += count
            self._left += sum(len(one) for one in found)
            return found

    def note(self, outcome: str, count: int) -> None:
        """Count what became of spans."""
        with self._changed:
            self.counts[outcome] += count

    def _is_full(self) -> bool:
        return sum(count for _, count in self._bodies) >= _BATCH
