"""What an ONNX file says that it takes and gives. It is read, never run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx

from comal_trainer.card_values import invalid
from comal_trainer.contract import Signature, Tensor
from comal_trainer.files import NotPlainFileError, open_plain


def onnx_signature(path: Path) -> Signature:
    """Return the inputs and outputs; a length that is free is -1. Raises JobFailure."""
    try:
        with open_plain(path) as file:
            graph = onnx.load_model_from_string(file.read()).graph
    except NotPlainFileError as error:
        invalid(str(error))
    except Exception:  # noqa: BLE001 - protobuf's error has no public name without stubs
        invalid(f"{path.name} is not an ONNX file")
    weights = {one.name for one in graph.initializer}
    inputs = tuple(_tensor(one) for one in graph.input if one.name not in weights)
    return Signature(inputs, tuple(_tensor(one) for one in graph.output))


def _tensor(value: Any) -> Tensor:
    kind = value.type.tensor_type
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    except KeyError:
        invalid(f"{value.name!r:.80} is no tensor of numbers")
    shape = tuple(one.dim_value if one.HasField("dim_value") else -1 for one in kind.shape.dim)
    return Tensor(name=value.name, dtype=dtype, shape=shape)
