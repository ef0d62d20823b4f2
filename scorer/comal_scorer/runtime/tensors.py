"""What goes into a model and comes out, whatever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Input:
    """The model's one input; a None in the shape is a free axis, the first one counts rows."""

    name: str
    dtype: np.dtype[np.number[Any]]
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """One of the model's tensors that come out; text has the dtype object."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]


class Model(Protocol):
    """A loaded model with one numeric input; safe to call from several threads."""

    @property
    def platform(self) -> str:
        """Return the runtime's name, as the Open Inference Protocol has it."""
        ...

    @property
    def may_fork(self) -> bool:
        """Return whether worker processes may be forked once it is loaded."""
        ...

    @property
    def input(self) -> Input:
        """Return what goes in."""
        ...

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Return what comes out; the first is the answer."""
        ...

    def predict(self, rows: Array) -> Array:
        """Return the model's answer for a batch shaped like the input."""
        ...

    def predict_all(self, rows: Array, names: list[str]) -> list[Array]:
        """Return the outputs of these names, in their order."""
        ...
