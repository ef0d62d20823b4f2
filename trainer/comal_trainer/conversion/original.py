"""A model as it was trained, and the ways in which it could be served, the fastest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from comal_trainer.contract import SERVING_FILE
from comal_trainer.conversion.parity import Array, onnx_answers

LITERT_FILE: Final = "serving/model.tflite"
SAVED_MODEL: Final = "serving/saved_model"
SKOPS_FILE: Final = "serving/model.skops"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One form to serve: how it is written and what it answers to sample inputs."""

    format: str
    file: str
    """Where it lies in the package; a folder for some formats."""
    write: Callable[[Path], object]
    answers: Callable[[Path, Array | None], Array | None]


@dataclass(frozen=True, slots=True)
class Original:
    """A loaded model. The last attempt is the model as it is, where a scorer can open that."""

    answers: Callable[[Array], Array]
    attempts: tuple[Attempt, ...]


def as_onnx(write: Callable[[Path], object]) -> Attempt:
    """Return the attempt to serve a model as ONNX."""
    return Attempt("onnx", SERVING_FILE, write, onnx_answers)
