"""Rows of numbers, as several contracts take them: checked quickly, explained slowly.

The good path costs one typed decode and one comparison; rows that fail it are looked at a second
time to say what is wrong where.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from comal_scorer.codec.json_document import Documents, numbers
from comal_scorer.codec.tensor_values import all_finite
from comal_scorer.model_card import ModelCard, model_invalid
from comal_scorer.request_error import RequestError, bad_request, shown
from comal_scorer.runtime.tensors import Array, Input

# Below this a typed decode is as quick as counting brackets.
_LARGE = 2048
# What can stand between the brackets and commas of a list of numbers.
_NUMBERS = b"0123456789+-.eE \t\r\n"


class NumberRows:
    """What a model with rows x columns takes."""

    def __init__(self, model_input: Input, card: ModelCard) -> None:
        """Raise `TerminationError` (ModelInvalid) when the model does not take rows of numbers."""
        if len(model_input.shape) != 2:
            shape = list(model_input.shape)
            raise model_invalid(
                f"contract {card.contract} needs rows x columns, the model has {shape}"
            )
        self.dtype = model_input.dtype
        self.width = model_input.shape[1]
        columns = card.signature.inputs[0].columns if card.signature.inputs else ()
        self.columns = columns if len(columns) == self.width else ()
        self._largest = _largest(self.dtype)
        self._documents = Documents()

    def quick(self, body: bytes, name: str) -> Array | None:
        """Return the rows of `{name: [[…], …]}`, None where only a closer look can tell.

        Numbers go from the text into the array; the body without them must be exactly the
        brackets and commas of so many rows of this width.
        """
        if self.width is None or len(body) < _LARGE:
            return None
        try:
            values = numbers(self._documents.parse(body)[name], "f")
        except (ValueError, KeyError, TypeError, RuntimeError, AttributeError):
            return None
        count = values.size // self.width
        row = b"[" + b"," * (self.width - 1) + b"]"
        expected = b'{"%b":[%b]}' % (name.encode(), b",".join([row] * count))
        if not count or body.translate(None, _NUMBERS) != expected:
            return None
        return self.typed(values.reshape(count, self.width))

    def typed(self, rows: Array) -> Array | None:
        """Return float64 rows as the model's type, None where they do not fit."""
        if rows.ndim != 2 or not rows.size or self.width not in {None, rows.shape[1]}:
            return None
        if not abs(rows).max() <= self._largest:
            return None
        typed = rows.astype(self.dtype)
        if self.dtype.kind != "f" and not np.array_equal(typed, rows):
            return None
        return typed

    def explain(self, rows: Any, field: str, remedy: str) -> RequestError:
        """Return the first mistake in what should have been rows."""
        if not isinstance(rows, list) or not rows:
            message = f"{field} is {shown(rows)}, expected a list with at least one row; {remedy}"
            return bad_request("field-invalid", field, message)
        first = len(rows[0]) if isinstance(rows[0], list) else 0
        for index, row in enumerate(rows):
            if wrong := self._wrong_row(f"{field}[{index}]", row, first, remedy):
                return wrong
        return bad_request("field-invalid", field, f"{field}: the rows do not fit; {remedy}")

    def _wrong_row(
        self, field: str, row: Any, width_of_first: int, remedy: str
    ) -> RequestError | None:
        if not isinstance(row, list):
            message = f"{field} is {shown(row)}, expected a list of numbers; {remedy}"
            return bad_request("field-invalid", field, message)
        expected = self.width or width_of_first
        if len(row) != expected or not row:
            names = f" ({', '.join(self.columns)})" if self.columns else ""
            message = f"{field} has {len(row)} numbers, expected {expected}{names}"
            return bad_request("row-length", field, message)
        for column, value in enumerate(row):
            if not self._fits(value):
                name = f" ({self.columns[column]})" if self.columns else ""
                message = (
                    f"{field}[{column}]{name} is {shown(value)}, expected a finite number of "
                    f"{self.dtype.name}"
                )
                return bad_request("not-a-number", f"{field}[{column}]", message)
        return None

    def _fits(self, value: Any) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return abs(value) <= self._largest and (self.dtype.kind == "f" or value == int(value))


def json_object(body: bytes, remedy: str) -> dict[str, Any]:
    """Return a body that is a JSON object; raises the `RequestError` that says what else it is."""
    try:
        content = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        message = f"the body is not JSON ({error}); {remedy}"
        raise bad_request("body-not-json", "body", message) from None
    if not isinstance(content, dict):
        kind = type(content).__name__
        message = f"the body is a {kind}, expected an object; {remedy}"
        raise bad_request("body-not-object", "body", message)
    return content


def finite(result: Array, field: str) -> Array:
    """Return a result whose numbers are all finite; raises `RequestError` (422) otherwise."""
    if result.dtype.kind == "f" and not all_finite(result):
        # Finite numbers went in, so they were far outside of what the model was trained on.
        raise RequestError(
            422,
            "result-not-finite",
            f"the model's result for these rows is not a finite number; check {field} for values "
            "that are far too large",
            field=field,
        )
    # One output column is a plain list of predictions.
    return result[:, 0] if result.ndim == 2 and result.shape[1] == 1 else result


def _largest(dtype: np.dtype[Any]) -> float:
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return float(limits.max)
