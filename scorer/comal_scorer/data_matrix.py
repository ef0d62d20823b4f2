"""The contract `data-matrix`: `{"data": [[numbers], …]}` in, `{"result": […]}` out."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from comal_scorer.model_card import ModelCard, model_invalid
from comal_scorer.onnx_model import Array, Input
from comal_scorer.request_error import RequestError, bad_request, shown

_REMEDY = 'send {"data": [[numbers], ...]}'


class _Body(msgspec.Struct):
    data: list[list[float]]


class DataMatrix:
    """Decodes rows of numbers, encodes one result per row.

    The good path costs one typed decode and one comparison; a body that fails it is read a second
    time, slowly, to say what is wrong where.
    """

    always_pooled = False

    def __init__(self, model_input: Input, card: ModelCard) -> None:
        """Raise `TerminationError` (ModelInvalid) when the model does not take rows of numbers."""
        if len(model_input.shape) != 2:
            shape = list(model_input.shape)
            raise model_invalid(f"contract data-matrix needs rows x columns, the model has {shape}")
        self._dtype = model_input.dtype
        self._largest = _largest(self._dtype)
        self._width = model_input.shape[1]
        columns = card.signature.inputs[0].columns if card.signature.inputs else ()
        self._columns = columns if len(columns) == self._width else ()
        self._decode = msgspec.json.Decoder(_Body).decode
        self._encode = msgspec.json.Encoder().encode

    def decode(self, body: bytes) -> Array:
        """Return the rows as the model's type; raises `RequestError` naming the first mistake."""
        try:
            rows = np.array(self._decode(body).data, np.float64)
        except (ValueError, RecursionError) as problem:
            raise self._explain(body, str(problem)) from None
        if rows.ndim != 2 or not rows.size or self._width not in {None, rows.shape[1]}:
            raise self._explain(body, "the rows do not fit the model")
        if not abs(rows).max() <= self._largest:
            raise self._explain(body, "a number is too large")
        typed = rows.astype(self._dtype)
        if self._dtype.kind != "f" and not np.array_equal(typed, rows):
            raise self._explain(body, f"the model takes {self._dtype.name} numbers only")
        return typed

    def encode(self, result: Array) -> bytes:
        """Return the JSON answer; raises `RequestError` (422) where a result is not finite."""
        if result.dtype.kind == "f" and not np.isfinite(result).all():
            # Finite numbers went in, so they were far outside of what the model was trained on.
            raise RequestError(
                422,
                "result-not-finite",
                "the model's result for these rows is not a finite number; check data for values "
                "that are far too large",
                field="data",
            )
        if result.ndim == 2 and result.shape[1] == 1:
            result = result[:, 0]
        return self._encode({"result": result.tolist()})

    def _explain(self, body: bytes, problem: str) -> RequestError:
        try:
            content = msgspec.json.decode(body)
        except (ValueError, RecursionError) as error:
            message = f"the body is not JSON ({error}); {_REMEDY}"
            return bad_request("body-not-json", "body", message)
        if not isinstance(content, dict):
            kind = type(content).__name__
            message = f"the body is a {kind}, expected an object; {_REMEDY}"
            return bad_request("body-not-object", "body", message)
        if "data" not in content:
            message = f"data is missing, the body has {shown(sorted(content))}; {_REMEDY}"
            return bad_request("field-missing", "data", message)
        rows = content["data"]
        if not isinstance(rows, list) or not rows:
            message = f"data is {shown(rows)}, expected a list with at least one row; {_REMEDY}"
            return bad_request("field-invalid", "data", message)
        first = len(rows[0]) if isinstance(rows[0], list) else 0
        for index, row in enumerate(rows):
            if wrong := self._wrong_row(f"data[{index}]", row, first):
                return wrong
        return bad_request("field-invalid", "data", f"data: {problem}; {_REMEDY}")

    def _wrong_row(self, field: str, row: Any, width_of_first: int) -> RequestError | None:
        if not isinstance(row, list):
            message = f"{field} is {shown(row)}, expected a list of numbers; {_REMEDY}"
            return bad_request("field-invalid", field, message)
        expected = self._width or width_of_first
        if len(row) != expected or not row:
            names = f" ({', '.join(self._columns)})" if self._columns else ""
            message = f"{field} has {len(row)} numbers, expected {expected}{names}"
            return bad_request("row-length", field, message)
        for column, value in enumerate(row):
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not abs(value) <= self._largest:
                name = f" ({self._columns[column]})" if self._columns else ""
                message = (
                    f"{field}[{column}]{name} is {shown(value)}, expected a finite number of "
                    f"{self._dtype.name}"
                )
                return bad_request("not-a-number", f"{field}[{column}]", message)
        return None


def _largest(dtype: np.dtype[Any]) -> float:
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return float(limits.max)
