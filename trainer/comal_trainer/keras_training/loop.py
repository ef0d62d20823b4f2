"""The loop: batches in an order that only the seed decides, on one worker or on many."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from comal_trainer.keras_training import interruption
from comal_trainer.keras_training.checkpoints import Array, Checkpoints
from comal_trainer.keras_training.gang import Gang
from comal_trainer.keras_training.journal import Journal
from comal_trainer.keras_training.position import VALIDATION, Epoch, Position

Indices = npt.NDArray[np.int_]


class Examples(Protocol):
    """What is trained on, one example for each index."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def load(self, indices: Indices) -> tuple[Array, Array]:
        """Return inputs and truths of these examples."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, how many at a time, in which order; whose epoch's weights are kept.

    `best_by` names the validation metric that was highest in that epoch; else it is the last.
    """

    epochs: int
    batch: int
    seed: int
    best_by: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the loop works with: a built model and its optimizer, and where it tells and keeps."""

    tensorflow: Any
    keras: Any
    strategy: Any
    gang: Gang
    model: Any
    optimizer: Any
    journal: Journal
    checkpoints: Checkpoints

    @property
    def variables(self) -> list[Any]:
        """Return all that a checkpoint must hold, in an order that the code decides."""
        return [*self.model.variables, *self.optimizer.variables]


Validate = Callable[[Any], Mapping[str, float]]


def fit(parts: Parts, plan: Plan, examples: Examples, validate: Validate) -> tuple[Epoch, ...]:
    """Train the model in place; return what each epoch measured.

    `validate` is asked after each epoch by the worker that leads; its metrics become `val_…`.
    Raises SystemExit (143) when SIGTERM ends it early, after a checkpoint.
    """
    position = parts.checkpoints.restore(parts.variables) or Position()
    best = parts.checkpoints.best(parts.model.variables) if position.best is not None else None
    parts.journal.begins(position)
    with interruption.termination() as asked:
        loop = _Loop(parts, plan, examples, _compiled(parts), asked)
        while position.epoch < plan.epochs:
            position = loop.rest_of_epoch(position)
            measured = {**position.measured(), **_validated(parts, validate)}
            found = measured.get(plan.best_by)
            better = found is not None and (position.best is None or found > position.best)
            top = found if better else position.best
            if better:
                best = [np.array(variable) for variable in parts.model.variables]
                parts.checkpoints.save_best(parts.model.variables)
            if top is not None:
                measured[f"best_{plan.best_by}"] = top
            position = position.after_epoch(measured, top)
            parts.checkpoints.save(parts.variables, position)
            parts.journal.epoch(parts.tensorflow, position)
    if best is not None:
        for variable, array in zip(parts.model.variables, best, strict=True):
            variable.assign(array)
    return position.history


def _validated(parts: Parts, validate: Validate) -> Mapping[str, float]:
    found = validate(parts.model) if parts.gang.leads else {}
    return {f"{VALIDATION}{name}": value for name, value in found.items()}


def order_of(seed: int, epoch: int, count: int) -> Indices:
    """Return the order of all examples in one epoch: the same after every restart."""
    return np.random.default_rng([seed, epoch]).permutation(count)


Step = Callable[[Array, Array, int], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Loop:
    parts: Parts
    plan: Plan
    examples: Examples
    step: Step
    asked: threading.Event

    def rest_of_epoch(self, position: Position) -> Position:
        parts, size = self.parts, self.plan.batch
        order = order_of(self.plan.seed, position.epoch, len(self.examples))
        batches = math.ceil(len(order) / size)
        while position.batch < batches:
            chosen = order[position.batch * size :][:size]
            inputs, truths = self.examples.load(parts.gang.share(chosen))
            loss, right = self.step(inputs, truths, len(chosen))
            position = position.after_batch(len(chosen), loss, right)
            parts.journal.step(position, batches)
            if self.asked.is_set():
                parts.checkpoints.save(parts.variables, position)
                print(f"SIGTERM: checkpoint at step {position.steps}", flush=True)
                raise SystemExit(interruption.EXIT_CODE)
            if parts.checkpoints.is_due(position.steps):
                parts.checkpoints.save(parts.variables, position)
        return position


def _compiled(parts: Parts) -> Step:
    tf, model, optimizer = parts.tensorflow, parts.model, parts.optimizer
    binary = model.outputs[0].shape[-1] == 1
    losses = parts.keras.losses
    kind = losses.BinaryCrossentropy if binary else losses.SparseCategoricalCrossentropy
    loss_of = kind(reduction="sum")

    def replica(inputs: Any, truth: Any, whole: Any) -> Any:
        with tf.GradientTape() as tape:
            answers = model(inputs, training=True)
            loss = loss_of(truth, answers)
            # Over the batch of all workers: their gradients are added.
            share = loss / whole
        gradients = tape.gradient(share, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        found = answers[:, 0] > 0.5 if binary else tf.argmax(answers, -1)
        hits = tf.cast(found, tf.int32) == tf.cast(tf.reshape(truth, [-1]), tf.int32)
        return tf.stack([loss, tf.reduce_sum(tf.cast(hits, tf.float32))])

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def all_replicas(inputs: Any, truth: Any, whole: Any) -> Any:
        each = parts.strategy.run(replica, args=(inputs, truth, whole))
        return parts.strategy.reduce(tf.distribute.ReduceOp.SUM, each, axis=None)

    def step(inputs: Array, truth: Array, whole: int) -> tuple[float, float]:
        given = [tf.constant(value) for value in (inputs, truth, np.float32(whole))]
        loss, right = all_replicas(*given).numpy()
        return float(loss), float(right)

    return step
