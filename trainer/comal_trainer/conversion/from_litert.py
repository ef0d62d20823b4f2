"""LiteRT (TensorFlow Lite) as it is: there is nothing faster to make of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from comal_trainer.card_values import invalid
from comal_trainer.contract import Tensor
from comal_trainer.conversion.original import LITERT_FILE, Attempt, Original
from comal_trainer.conversion.parity import Array, failed


def from_litert(source: Path, _wanted: Tensor) -> Original:
    """Return the model; the copy must give its answers again."""
    # Where each file of this format has its mark.
    if source.read_bytes()[4:8] != b"TFL3":
        invalid(f"{source.name} is not a LiteRT file; write what TFLiteConverter returns")

    def answers(samples: Array) -> Array:
        found = _answers(source, samples)
        assert found is not None  # noqa: S101 - there were samples
        return found

    def write(target: Path) -> object:
        return shutil.copyfile(source, target)

    return Original(answers, (Attempt("litert", LITERT_FILE, write, _answers),))


def _answers(path: Path, samples: Array | None) -> Array | None:
    """Return the model's first output for all samples at once, and load it at all."""
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - only this format needs it

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    inputs: list[Any] = interpreter.get_input_details()
    if len(inputs) != 1 or np.dtype(inputs[0]["dtype"]).kind not in "fiu":
        raise failed(f"the model has {len(inputs)} inputs; one input of numbers is served")
    if inputs[0]["quantization"][0]:
        raise failed("the model's input is quantized; convert it with inputs of float32")
    rows = 1 if samples is None else len(samples)
    interpreter.resize_tensor_input(inputs[0]["index"], (rows, *inputs[0]["shape"][1:]))
    interpreter.allocate_tensors()
    if samples is None:
        return None
    interpreter.set_tensor(inputs[0]["index"], samples.astype(inputs[0]["dtype"]))
    interpreter.invoke()
    found: Array = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    if found.shape[:1] != (rows,):
        raise failed("the model's first output has not one row for each input")
    return found
