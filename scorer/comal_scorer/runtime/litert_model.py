"""A LiteRT (TensorFlow Lite) model: an interpreter for each thread, one file in memory for all."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from comal_scorer.model_card import model_invalid
from comal_scorer.runtime.tensors import Array, Input, Output

_NUMBERS = frozenset("fiu")


class LitertModel:
    """A model whose input and outputs are tensors of numbers; safe to call from several threads."""

    platform = "tensorflow_lite"
    may_fork = True

    def __init__(self, content: bytes) -> None:
        """Read the model; raises whatever the runtime raises for one that is none."""
        self._content = content
        self._local = threading.local()
        interpreter = self._interpreter()
        self._input, outputs = _only_input(interpreter), interpreter.get_output_details()
        name, names = _names(interpreter, self._input, outputs)
        self.input = Input(name, np.dtype(self._input["dtype"]), _shape(self._input))
        self.outputs = tuple(
            Output(names[item["index"]], np.dtype(item["dtype"]), _shape(item)) for item in outputs
        )
        self._indices = {names[item["index"]]: item["index"] for item in outputs}
        self._first = outputs[0]["index"]

    def predict(self, rows: Array) -> Array:
        """Return the model's first output for a batch shaped like the input."""
        return self._invoked(rows, [self._first])[0]

    def predict_all(self, rows: Array, names: list[str]) -> list[Array]:
        """Return the outputs of these names, in their order."""
        return self._invoked(rows, [self._indices[name] for name in names])

    def _invoked(self, rows: Array, indices: list[int]) -> list[Array]:
        interpreter = self._interpreter()
        place = self._input["index"]
        if self._local.shape != rows.shape:
            interpreter.resize_tensor_input(place, rows.shape)
            interpreter.allocate_tensors()
            self._local.shape = rows.shape
        interpreter.set_tensor(place, rows)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in indices]

    def _interpreter(self) -> Any:
        """Return this thread's interpreter: it holds the tensors of one call at a time."""
        interpreter = getattr(self._local, "interpreter", None)
        if interpreter is None:
            from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - 0.2 s, 60 MB

            interpreter = Interpreter(model_content=self._content, num_threads=1)
            interpreter.allocate_tensors()
            shape = interpreter.get_input_details()[0]["shape"]
            self._local.interpreter, self._local.shape = interpreter, tuple(shape.tolist())
        return interpreter


def load_litert(path: Path) -> LitertModel:
    """Return the model of a .tflite file; raises `TerminationError` (ModelInvalid)."""
    try:
        return LitertModel(path.read_bytes())
    except Exception as problem:  # noqa: BLE001 - the runtime raises ValueError and RuntimeError
        raise model_invalid(f"{path.name} is not a model LiteRT can load: {problem}") from None


def _only_input(interpreter: Any) -> dict[str, Any]:
    inputs = interpreter.get_input_details()
    if len(inputs) != 1:
        raise ValueError(f"it has {len(inputs)} inputs; models with one input are served")
    only: dict[str, Any] = inputs[0]
    if np.dtype(only["dtype"]).kind not in _NUMBERS:
        raise ValueError(f"its input {only['name']!r} takes no numbers")
    return only


def _shape(details: dict[str, Any]) -> tuple[int | None, ...]:
    sizes = details["shape_signature"].tolist()
    return tuple(None if size < 0 else size for size in sizes)


def _names(
    interpreter: Any, given: dict[str, Any], outputs: list[dict[str, Any]]
) -> tuple[str, dict[int, str]]:
    """Return the input's name, and the outputs' by index.

    Those of the model's only signature, which are the trained model's own; a tensor's name in the
    file is what the converter made of it.
    """
    signatures = interpreter.get_signature_list()
    plain = {item["index"]: item["name"] for item in outputs}
    if len(signatures) != 1:
        return given["name"], plain
    (name,) = signatures
    runner = interpreter.get_signature_runner(name)
    by_index = {item["index"]: own for own, item in runner.get_output_details().items()}
    return signatures[name]["inputs"][0], plain | by_index
