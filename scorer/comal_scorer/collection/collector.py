"""Keeps a sample of inputs and predictions; never slows a request, never fails one.

What does not fit the queue, or cannot be written, is dropped and counted.
"""

from __future__ import annotations

import threading
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from comal_scorer.collection.layout import (
    INPUTS,
    PREDICTIONS,
    Place,
    column_names,
    header,
    lines,
)
from comal_scorer.runtime.tensors import Array

_MOST_BYTES = 32 * 1024 * 1024
_MOST_REQUESTS = 10_000
_LONGEST_PAUSE = 0.5
_CLOSING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is collected: which sides, of which share of requests (0 to 1), under which names."""

    place: Place
    inputs: bool
    predictions: bool
    share: float
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Item:
    moment: datetime
    correlation_id: str
    inputs: Array
    result: Array

    @property
    def size(self) -> int:
        return self.inputs.nbytes + self.result.nbytes


class Collector:
    """A bounded queue and the one thread that writes it to the volume."""

    def __init__(self, plan: Plan, drop: Callable[[int], object]) -> None:
        """Start the thread; `drop` is told how many requests were not kept."""
        self._plan = plan
        self._drop = drop
        self._queue: deque[_Item] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="collect", daemon=True)
        self._thread.start()

    def offer(self, correlation_id: str, inputs: Array, result: Array) -> None:
        """Keep the request when it is in the sample and there is room."""
        if zlib.crc32(correlation_id.encode()) >= self._plan.share * 2**32:
            return
        item = _Item(datetime.now(UTC), correlation_id, inputs, result)
        with self._lock:
            full = self._bytes + item.size > _MOST_BYTES or len(self._queue) >= _MOST_REQUESTS
            if not full:
                self._queue.append(item)
                self._bytes += item.size
        if full:
            self._drop(1)
        # The writer wakes by itself twice a second: waking it for every request costs more.

    def close(self) -> None:
        """Write what is left; a volume that hangs keeps nobody for more than five seconds."""
        self._closing = True
        self._wake.set()
        self._thread.join(_CLOSING_SECONDS)

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(_LONGEST_PAUSE)
            self._write(self._taken())
        self._write(self._taken())

    def _taken(self) -> list[_Item]:
        with self._lock:
            items = list(self._queue)
            self._queue.clear()
            self._bytes = 0
        return items

    def _write(self, items: list[_Item]) -> None:
        by_day: dict[datetime, list[_Item]] = {}
        for item in items:
            midnight = item.moment.replace(hour=0, minute=0, second=0, microsecond=0)
            by_day.setdefault(midnight, []).append(item)
        for day, of_day in by_day.items():
            try:
                self._write_day(day, of_day)
            except Exception:  # noqa: BLE001 - a full, missing or broken volume must stay beside
                self._drop(len(of_day))

    def _write_day(self, day: datetime, items: list[_Item]) -> None:
        plan = self._plan
        if plan.inputs:
            names = column_names(_width(items[0].inputs), plan.columns, "input")
            text = "".join(lines(item.moment, item.correlation_id, item.inputs) for item in items)
            _append(plan.place.file(INPUTS, day), header(names), text)
        if plan.predictions:
            names = column_names(_width(items[0].result), (), "prediction")
            text = "".join(lines(item.moment, item.correlation_id, item.result) for item in items)
            _append(plan.place.file(PREDICTIONS, day), header(names), text)


def _width(rows: Array) -> int:
    return rows.size // len(rows)


def _append(path: Path, first: str, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text if file.tell() else first + text)
