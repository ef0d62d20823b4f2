"""Rows that wait together are predicted together, each gets its own answer, errors reach all."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from comal_scorer.runtime.batching import BATCH, BatchingModel, batching_pays
from comal_scorer.runtime.tensors import Array, Input, Output

FLOAT = np.dtype(np.float32)


class Doubling:
    """Doubles its rows, in a time per call and a time per row; remembers the batches."""

    platform = "test"
    may_fork = True
    outputs: tuple[Output, ...] = (Output("y", FLOAT, (None, 2)),)

    def __init__(
        self, per_call: float = 0.0, per_row: float = 0.0, rows: int | None = None
    ) -> None:
        self.input = Input("x", FLOAT, (rows, 2))
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self._per_call, self._per_row = per_call, per_row

    def predict(self, rows: Array) -> Array:
        return self.predict_all(rows, ["y"])[0]

    def predict_all(self, rows: Array, names: list[str]) -> list[Array]:
        self.gate.wait()
        self.batches.append(len(rows))
        end = time.thread_time() + self._per_call + self._per_row * len(rows)
        while time.thread_time() < end:
            pass
        if (rows < 0).any():
            raise ValueError("negative")
        return [rows * 2 for _ in names]


class MixedUp(Doubling):
    """Answers rows in reverse."""

    def predict_all(self, rows: Array, names: list[str]) -> list[Array]:
        return [result[::-1] for result in super().predict_all(rows, names)]


def row(value: float) -> Array:
    return np.full((1, 2), value, FLOAT)


def test_who_waits_goes_together() -> None:
    model = Doubling()
    batching = BatchingModel(model, cores=1)
    model.gate.clear()
    with ThreadPoolExecutor(20) as callers:
        first = callers.submit(batching.predict, row(0))
        while batching._queue:
            time.sleep(0.001)
        others = [callers.submit(batching.predict, row(value)) for value in range(1, 18)]
        while len(batching._queue) < 17:
            time.sleep(0.001)
        model.gate.set()
        answers = [answer.result() for answer in (first, *others)]

    assert model.batches == [1, BATCH, BATCH, 1]
    for value, answer in enumerate(answers):
        np.testing.assert_array_equal(answer, row(value) * 2)


def test_an_error_reaches_everybody_of_its_batch_and_nobody_else() -> None:
    model = Doubling()
    batching = BatchingModel(model, cores=1)

    with pytest.raises(ValueError, match="negative"):
        batching.predict(row(-1))
    np.testing.assert_array_equal(batching.predict(row(3)), row(6))


def test_rows_of_other_shapes_are_not_mixed() -> None:
    model = Doubling()
    batching = BatchingModel(model, cores=2)
    with ThreadPoolExecutor(8) as callers:
        shapes = [(1, 2), (1, 3), (3, 2), (20, 2)] * 10
        given = [np.random.default_rng(0).random(shape, np.float32) for shape in shapes]
        answers = list(callers.map(batching.predict, given))

    for rows, answer in zip(given, answers, strict=True):
        np.testing.assert_array_equal(answer, rows * 2)


def test_batches_that_cost_as_much_as_a_row_pay() -> None:
    assert batching_pays(Doubling(per_call=0.01), row(1), 0.01)


def test_batches_that_cost_as_much_as_their_rows_do_not() -> None:
    assert not batching_pays(Doubling(per_row=0.01), row(1), 0.01)


def test_a_model_that_takes_one_row_is_not_batched() -> None:
    assert not batching_pays(Doubling(per_call=0.01, rows=1), row(1), 0.01)


def test_a_model_that_mixes_its_rows_is_not_batched() -> None:
    assert not batching_pays(MixedUp(per_call=0.01), row(1), 0.01)
