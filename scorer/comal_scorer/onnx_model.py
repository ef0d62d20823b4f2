"""The loaded model: one ONNX Runtime session, one thread per call. Nothing but ONNX is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from comal_scorer.model_card import model_invalid

Array = npt.NDArray[Any]

_TYPES: dict[str, type[np.number[Any]]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
}
_ONLY_FATAL = 4


@dataclass(frozen=True, slots=True)
class Input:
    """The model's one input; a None in the shape is a free axis, the first one counts rows."""

    name: str
    dtype: np.dtype[np.number[Any]]
    shape: tuple[int | None, ...]


class Model:
    """A session with one numeric input; safe to call from several threads."""

    def __init__(self, session: Any, model_input: Input) -> None:
        """Take a session whose first output is the answer."""
        self.input = model_input
        self._run = session.run
        self._answer = [session.get_outputs()[0].name]

    def predict(self, rows: Array) -> Array:
        """Return the model's first output for a batch shaped like the input."""
        result: Array = self._run(self._answer, {self.input.name: rows})[0]
        return result


def load_model(path: Path) -> Model:
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
    return Model(session, _only_input(session))


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
