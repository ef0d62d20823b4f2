"""An inference answer of the Open Inference Protocol, as JSON or as JSON with binary tensors."""

from __future__ import annotations

import struct
from typing import Any

import msgspec

from comal_scorer.codec.infer_request import Wanted
from comal_scorer.codec.tensor_types import BYTES, name_of
from comal_scorer.codec.tensor_values import all_finite
from comal_scorer.request_error import RequestError
from comal_scorer.runtime.tensors import Array

HEADER_LENGTH = "inference-header-content-length"
BINARY_TYPE = "application/octet-stream"

_encode = msgspec.json.Encoder().encode


def encode_answer(
    named: dict[str, Any], wanted: tuple[Wanted, ...], results: list[Array]
) -> tuple[bytes, int | None]:
    """Return the body, and the length of its JSON header where tensors follow behind it.

    `named` says which model answers whom. Raises `RequestError` (422) where a result is not
    finite.
    """
    outputs, tensors = [], []
    for one, result in zip(wanted, results, strict=True):
        _check_finite(result, one.output.name)
        tensor: dict[str, Any] = {
            "name": one.output.name,
            "shape": list(result.shape),
            "datatype": name_of(result.dtype),
        }
        if one.binary:
            content = _bytes(result)
            tensors.append(content)
            tensor["parameters"] = {"binary_data_size": len(content)}
        else:
            tensor["data"] = result.ravel().tolist()
        outputs.append(tensor)
    header = _encode({**named, "outputs": outputs})
    if not tensors:
        return header, None
    return b"".join((header, *tensors)), len(header)


def _check_finite(result: Array, name: str) -> None:
    if result.dtype.kind == "f" and not all_finite(result):
        message = f"the output {name!r} is not a finite number for these inputs"
        raise RequestError(422, "result-not-finite", message, field="inputs")


def _bytes(result: Array) -> bytes:
    if name_of(result.dtype) != BYTES:
        return result.tobytes()
    texts = [str(value).encode() for value in result.ravel()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
