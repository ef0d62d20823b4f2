"""The values of one tensor of an inference request: checked, and copied only where they must be."""

from __future__ import annotations

import struct
from math import isfinite, prod
from typing import Any

import numpy as np

from comal_scorer.codec.json_document import is_list, numbers
from comal_scorer.codec.tensor_types import name_of
from comal_scorer.request_error import bad_request, shown
from comal_scorer.runtime.tensors import Array

_FEW = 16


def binary(content: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """Return the tensor where it lies in the body; only bytes at odd places are copied."""
    if len(content) != prod(shape) * dtype.itemsize:
        message = (
            f"{len(content)} bytes follow the header, {name_of(dtype)} {list(shape)} has "
            f"{prod(shape) * dtype.itemsize}"
        )
        raise bad_request("binary-size", "inputs[0].shape", message)
    values = np.frombuffer(content, dtype)
    return values if values.flags.aligned else values.copy()


def listed(data: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    """Return a tensor given as a JSON list, flat or nested; raises `RequestError`."""
    if not is_list(data):
        raise bad_request("field-missing", "inputs[0].data", "inputs[0].data: expected a list")
    try:
        values = _booleans(data.as_list()) if dtype.kind == "b" else numbers(data, dtype.kind)
    except (ValueError, TypeError, RuntimeError) as problem:
        text = shown(str(problem))
        message = f"inputs[0].data: a value is no {name_of(dtype)} ({text})"
        raise bad_request("not-a-number", "inputs[0].data", message) from None
    if values.size != prod(shape):
        message = f"inputs[0].data has {values.size} values, its shape {list(shape)} {prod(shape)}"
        raise bad_request("field-invalid", "inputs[0].data", message)
    return cast(values, dtype)


def _booleans(values: list[Any]) -> Array:
    if not all(type(value) is bool for value in values):
        raise ValueError("true or false")
    return np.array(values, np.bool_)


def cast(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return the values in another type; raises `RequestError` where one would change."""
    if values.dtype == dtype:
        typed = values
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            typed = values.astype(dtype)
        exact = dtype.kind == "f" or np.array_equal(typed.astype(values.dtype), values)
        if not exact or (values.dtype.kind == "f" and dtype.kind != "f"):
            message = f"inputs[0]: {name_of(values.dtype)} values do not fit {name_of(dtype)}"
            raise bad_request("not-a-number", "inputs[0].data", message)
    if dtype.kind == "f" and not all_finite(typed):
        message = f"inputs[0]: a value is not a finite number of {name_of(dtype)}"
        raise bad_request("not-a-number", "inputs[0].data", message)
    return typed


def all_finite(values: Array) -> bool:
    """Return whether no number is NaN or infinite; a few are looked at without numpy's overhead."""
    if values.size <= _FEW:
        return all(map(isfinite, values.ravel().tolist()))
    return bool(np.isfinite(values).all())


def texts(data: Any) -> list[bytes]:
    """Return the texts of a JSON list as UTF-8; raises `RequestError`."""
    values = data.as_list() if is_list(data) else None
    while values and len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if values is None or not all(isinstance(value, str) for value in values):
        raise bad_request("field-invalid", "inputs[0].data", "inputs[0].data: expected texts")
    return [value.encode("utf-8", "replace") for value in values]


def unpacked(content: bytes) -> list[bytes]:
    """Return the elements of a binary BYTES tensor: four bytes of length before each."""
    items, place = [], 0
    while place + 4 <= len(content):
        (length,) = struct.unpack_from("<I", content, place)
        place += 4
        if place + length > len(content):
            break
        items.append(content[place : place + length])
        place += length
    if place != len(content):
        message = "inputs[0]: the lengths in the BYTES tensor do not fit its size"
        raise bad_request("binary-size", "inputs[0].parameters.binary_data_size", message)
    return items
