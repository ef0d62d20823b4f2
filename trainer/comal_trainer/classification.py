"""Measuring a classifier: probabilities of n examples and k classes against the truth."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float64]

_LEAST: Final = 1e-7


def probabilities_of(answers: npt.NDArray[Any]) -> Probabilities:
    """Return n x k probabilities; one sigmoid speaks for the second of two classes."""
    values = np.asarray(answers, np.float64).reshape(len(answers), -1)
    return np.hstack([1 - values, values]) if values.shape[1] == 1 else values


def measured(probabilities: Probabilities, truth: npt.NDArray[Any]) -> dict[str, float]:
    """Return accuracy and cross-entropy of class probabilities (n x k) against the truth (n)."""
    indices = truth.astype(int)
    right = probabilities[np.arange(len(indices)), indices]
    return {
        "accuracy": float((probabilities.argmax(axis=1) == indices).mean()),
        "loss": float(-np.log(right.clip(_LEAST, 1.0)).mean()),
    }


def short_names(metrics: dict[str, float]) -> dict[str, float]:
    """Return the metrics with `acc` for accuracy, as Keras's series have it."""
    return {"acc": metrics["accuracy"], "loss": metrics["loss"]}
