"""A model's answers, batch by batch: also for one whose variables several workers mirror."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def answers_of(
    model: Any, count: int, inputs: Callable[[npt.NDArray[np.int_]], Array], batch: int
) -> Array:
    """Return the answers to `count` examples, rows first; `inputs` makes those of some indices.

    Not by `predict`, which would wait for workers that do not take part.
    """
    indices = np.arange(count)
    parts = [
        np.asarray(model(inputs(indices[start : start + batch]), training=False))
        for start in range(0, count, batch)
    ]
    return np.concatenate(parts)
