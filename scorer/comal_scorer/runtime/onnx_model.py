"""The loaded model: one ONNX Runtime session, one thread per call. Nothing but ONNX is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from comal_scorer.model_card import model_invalid
from comal_scorer.runtime.tensors import Array, Input, Output

_TYPES: dict[str, type[np.number[Any]]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
}
_OUTPUTS: dict[str, type[np.generic]] = {
    **_TYPES,
    "tensor(bool)": np.bool_,
    "tensor(int8)": np.int8,
    "tensor(int16)": np.int16,
    "tensor(uint16)": np.uint16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
}
_ONLY_FATAL = 4


class OnnxModel:
    """A session with one numeric input; safe to call from several threads."""

    platform = "onnxruntime_onnx"
    may_fork = True

    def __init__(self, session: Any, model_input: Input) -> None:
        """Take a session whose first output is the answer."""
        self.input = model_input
        self.outputs = _tensors(session)
        self._run = session.run
        self._answer = [session.get_outputs()[0].name]

    def predict(self, rows: Array) -> Array:
        """Return the model's first output for a batch shaped like the input."""
        result: Array = self._run(self._answer, {self.input.name: rows})[0]
        return result

    def predict_all(self, rows: Array, names: list[str]) -> list[Array]:
        """Return the outputs of these names, in their order."""
        results: list[Array] = self._run(names, {self.input.name: rows})
        return results


def load_onnx(path: Path) -> OnnxModel:
    """Return the model of an ONNX file; raises `TerminationError` (ModelInvalid)."""
    ort.set_default_logger_severity(_ONLY_FATAL)
    options = ort.SessionOptions()
    # Cores are filled by requests; threads inside one request would only fight for them.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _ONLY_FATAL
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # noqa: BLE001 - the runtime's exceptions share no base of theirs
        raise model_invalid(
            f"{path.name} is not a model ONNX Runtime can load: {problem}"
        ) from None
    return OnnxModel(session, _only_input(session))


def _only_input(session: Any) -> Input:
    inputs = session.get_inputs()
    if len(inputs) != 1:
        names = ", ".join(item.name for item in inputs)
        raise model_invalid(f"the model has the inputs {names}; models with one input are served")
    only = inputs[0]
    if only.type not in _TYPES:
        raise model_invalid(f"the input {only.name!r} is {only.type}; expected numbers")
    shape = tuple(size if isinstance(size, int) else None for size in only.shape)
    return Input(only.name, np.dtype(_TYPES[only.type]), shape)


def _tensors(session: Any) -> tuple[Output, ...]:
    """Return the outputs that are tensors; a classifier's maps from label to number are none."""
    outputs = []
    for item in session.get_outputs():
        kind = np.dtype(object) if item.type == "tensor(string)" else _OUTPUTS.get(item.type)
        if kind is not None:
            shape = tuple(size if isinstance(size, int) else None for size in item.shape)
            outputs.append(Output(item.name, np.dtype(kind), shape))
    return tuple(outputs)
