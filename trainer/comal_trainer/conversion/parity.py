"""The proof: the converted model answers the sample inputs as the original did."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from comal_trainer.card_values import invalid
from comal_trainer.contract import Parity, Reason, Tensor
from comal_trainer.failure import JobFailure
from comal_trainer.files import open_plain
from comal_trainer.model_card import ModelCard
from comal_trainer.onnx_types import NUMPY_TYPES

Array = npt.NDArray[Any]

MAX_SAMPLES_BYTES: Final = 64 * 1024 * 1024
# Relative to the answer where that is larger than one. Single precision reaches about 1e-6.
TOLERANCE: Final = 1e-4


def read_samples(folder: Path, card: ModelCard) -> Array | None:
    """Return the sample inputs, one row each (float64), or None where the card names none."""
    if card.samples is None:
        return None
    shape = card.signature.inputs[0].shape
    with open_plain(folder / card.samples) as file:
        text = file.read(MAX_SAMPLES_BYTES + 1)
    if len(text) > MAX_SAMPLES_BYTES:
        invalid(f"{card.samples} is larger than {MAX_SAMPLES_BYTES} bytes; fewer samples will do")
    try:
        value = json.loads(text)
        rows = np.asarray(value["inputs"] if isinstance(value, dict) else value, np.float64)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        invalid(f"{card.samples}: expected {{'inputs': [rows of numbers]}}: {error!s:.200}")
    fits = rows.ndim == len(shape) and all(
        wanted in {-1, found} for wanted, found in zip(shape[1:], rows.shape[1:], strict=True)
    )
    if not fits or rows.shape[0] == 0 or not np.isfinite(rows).all():
        told = f"shape {list(rows.shape)}, the signature says {list(shape)}"
        invalid(f"{card.samples}: expected finite inputs that fit the signature; found {told}")
    return rows


def onnx_answers(path: Path, samples: Array | None) -> Array | None:
    """Return the converted model's first output for all samples in one batch, and load it at all.

    Raises JobFailure for what the scorer could not serve.
    """
    import onnxruntime  # noqa: PLC0415 - only this process needs it

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in NUMPY_TYPES:
        found = ", ".join(f"{item.name} {item.type}" for item in inputs)
        raise failed(f"the model's inputs are {found}; one input of numbers is served")
    if isinstance(inputs[0].shape[0], int):
        raise failed("the model's batch axis is fixed; export it with a free first axis")
    if samples is None:
        return None
    rows = samples.astype(NUMPY_TYPES[inputs[0].type])
    outputs = [session.get_outputs()[0].name]
    together: Array = session.run(outputs, {inputs[0].name: rows})[0]
    first: Array = session.run(outputs, {inputs[0].name: rows[:1]})[0]
    if together.shape[0] != rows.shape[0] or first.shape[0] != 1:
        raise failed("the model's first output has not one row for each input")
    return together


def check_answers(answers: Array, promised: Tensor) -> None:
    """Raise JobFailure (ModelInvalid) when the answers have not the size that the card promises."""
    # Sizes only: one number for each row may be a column or not.
    wanted, found = math.prod(promised.shape[1:]), math.prod(answers.shape[1:])
    if -1 not in promised.shape[1:] and wanted != found:
        told = f"{list(promised.shape)}, the model answers {found} numbers for each row"
        invalid(f"model.yaml: signature: the output {promised.name!r:.80} is {told}")


def parity_of(expected: Array | None, answered: Array | None) -> Parity:
    """Return the greatest difference; raise JobFailure when it is more than rounding explains."""
    if expected is None or answered is None:
        return Parity(max_difference="0", samples=0, proved=False)
    if expected.dtype.kind not in "fiub" or answered.dtype.kind not in "fiub":
        raise failed("the model answers with text; only numbers are served")
    wanted = expected.astype(np.float64).reshape(expected.shape[0], -1)
    found = answered.astype(np.float64).reshape(answered.shape[0], -1)
    if wanted.shape != found.shape or not (np.isfinite(wanted).all() and np.isfinite(found).all()):
        raise failed("original and converted model do not give finite answers of one shape")
    difference = np.abs(wanted - found)
    greatest = f"{difference.max():.1e}"
    if (difference > TOLERANCE * np.maximum(1.0, np.abs(wanted))).any():
        raise failed(f"the converted model's answers differ by up to {greatest}; not registered")
    return Parity(max_difference=greatest, samples=len(wanted), proved=True)


def failed(message: str) -> JobFailure:
    """Return the failure of a form that cannot be served."""
    return JobFailure(Reason.CONVERSION_FAILED, message)
