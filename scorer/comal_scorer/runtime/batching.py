"""Requests that wait together are predicted together, where a measurement says that this pays.

Nobody waits for company: whoever is there when a core comes free goes with the next batch.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from comal_scorer.runtime.tensors import Array, Input, Model, Output

BATCH = 8
# Rows a second at a batch of eight, against one by one, from which on batching is worth its wait.
_PAYS_FROM = 1.3
_TRIES = 3
_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class _Waiting:
    rows: Array
    names: tuple[str, ...]
    result: Future[list[Array]] = field(default_factory=Future)

    def fits(self, other: _Waiting) -> bool:
        same = self.rows.shape[1:] == other.rows.shape[1:] and self.rows.dtype == other.rows.dtype
        return same and self.names == other.names


class BatchingModel:
    """A model whose waiting rows are put together; `predict` blocks its caller's thread."""

    def __init__(self, model: Model, cores: int) -> None:
        """Predict in as many threads as cores."""
        self._model = model
        self._first = (model.outputs[0].name,)
        self._queue: deque[_Waiting] = deque()
        self._filled = threading.Condition()
        for number in range(cores):
            name = f"predict-{number}"
            threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def platform(self) -> str:
        """Return the runtime's name."""
        return self._model.platform

    @property
    def may_fork(self) -> bool:
        """Return False: threads wait here already."""
        return False

    @property
    def input(self) -> Input:
        """Return what goes in."""
        return self._model.input

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Return what comes out; the first is the answer."""
        return self._model.outputs

    def predict(self, rows: Array) -> Array:
        """Return the model's answer, perhaps computed together with others'."""
        return self._wait(_Waiting(rows, self._first))[0]

    def predict_all(self, rows: Array, names: list[str]) -> list[Array]:
        """Return the outputs of these names, perhaps computed together with others'."""
        return self._wait(_Waiting(rows, tuple(names)))

    def _wait(self, waiting: _Waiting) -> list[Array]:
        with self._filled:
            self._queue.append(waiting)
            self._filled.notify()
        return waiting.result.result()

    def _run(self) -> None:
        while True:
            with self._filled:
                while not self._queue:
                    self._filled.wait()
                batch = self._taken()
            try:
                self._predict(batch)
            except BaseException as problem:  # noqa: BLE001 - who waits must be told, whatever it is
                for waiting in batch:
                    waiting.result.set_exception(problem)

    def _taken(self) -> list[_Waiting]:
        """Return the first in the queue, and those right behind who fit."""
        batch = [self._queue.popleft()]
        size = len(batch[0].rows)
        while self._queue and self._queue[0].fits(batch[0]):
            size += len(self._queue[0].rows)
            if size > BATCH:
                break
            batch.append(self._queue.popleft())
        return batch

    def _predict(self, batch: list[_Waiting]) -> None:
        rows = batch[0].rows
        if len(batch) > 1:
            rows = np.concatenate([waiting.rows for waiting in batch])
        results = self._model.predict_all(rows, list(batch[0].names))
        start = 0
        for waiting in batch:
            end = start + len(waiting.rows)
            waiting.result.set_result([result[start:end] for result in results])
            start = end


def batching_pays(model: Model, row: Array, seconds: float) -> bool:
    """Return whether eight rows together are quicker, and the same, as `seconds` for each.

    `row` is a batch of one that the model has answered; seconds are a thread's CPU time.
    """
    if model.input.shape[0] is not None or any(output.dtype == object for output in model.outputs):
        return False
    # Rows that differ a little: a model that mixes up its rows must not be batched.
    scales = np.linspace(1, 0.5, BATCH).reshape(-1, *[1] * (row.ndim - 1))
    rows = (row * scales).astype(row.dtype)
    names = [output.name for output in model.outputs]
    durations = []
    try:
        single = [model.predict_all(rows[at : at + 1], names) for at in range(BATCH)]
        for _ in range(_TRIES):
            started = time.thread_time()
            together = model.predict_all(rows, names)
            durations.append(time.thread_time() - started)
    except Exception:  # noqa: BLE001 - a model may take one row alone, whatever its shape says
        return False
    for at, alone in enumerate(single):
        for one, all_rows in zip(alone, together, strict=True):
            rest = all_rows[at : at + 1]
            same = one.shape == rest.shape and np.allclose(one, rest, _TOLERANCE, _TOLERANCE)
            if len(all_rows) != BATCH or not same:
                return False
    return BATCH * seconds / median(durations) >= _PAYS_FROM
