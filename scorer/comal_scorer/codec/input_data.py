"""The contract `input-data`: rows in the model's order, or columns by name in any order.

`{"input_data": [[numbers], …]}` or `{"input_data": {"columns": […], "index": […], "data": […]}}`
in, a JSON list of predictions out. Bare rows can be checked only for their length.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from comal_scorer.codec.number_rows import NumberRows, finite, json_object
from comal_scorer.model_card import ModelCard, model_invalid
from comal_scorer.request_error import RequestError, bad_request, shown
from comal_scorer.runtime.tensors import Array, Input

_FIELD = "input_data"
_REMEDY = 'send {"input_data": {"columns": [names], "data": [[numbers], ...]}}'


class _Table(msgspec.Struct):
    columns: list[str]
    data: list[list[float]]
    index: list[Any] | None = None


class _Body(msgspec.Struct):
    input_data: list[list[float]] | _Table


class InputData:
    """Puts named columns into the model's order, encodes one prediction per row."""

    always_pooled = False

    def __init__(self, model_input: Input, card: ModelCard) -> None:
        """Raise `TerminationError` (ModelInvalid) when the columns' names are not known."""
        self._rows = NumberRows(model_input, card)
        if not self._rows.columns:
            raise model_invalid(
                "contract input-data: model.yaml signature.inputs[0].columns must name every "
                "column of the model"
            )
        self._decode = msgspec.json.Decoder(_Body).decode
        self._encode = msgspec.json.Encoder().encode

    def decode(self, body: bytes) -> Array:
        """Return the rows in the model's order; raises `RequestError` naming the first mistake."""
        quick = self._rows.quick(body, _FIELD)
        if quick is not None:
            return quick
        try:
            given = self._decode(body).input_data
        except (ValueError, RecursionError):
            raise self._explain(body) from None
        if not isinstance(given, _Table):
            return self._typed(given, _FIELD)
        field = f"{_FIELD}.data"
        if given.index is not None and len(given.index) != len(given.data):
            message = f"index has {len(given.index)} entries, data {len(given.data)} rows"
            raise bad_request("field-invalid", f"{_FIELD}.index", message)
        order = self._order(given.columns)
        if any(len(row) != len(given.columns) for row in given.data):
            raise self._wrong_length(given)
        return self._typed([[row[place] for place in order] for row in given.data], field)

    def encode(self, result: Array, seconds: float = 0.0) -> bytes:
        """Return the JSON answer; raises `RequestError` (422) where a result is not finite."""
        del seconds
        return self._encode(finite(result, _FIELD).tolist())

    def _typed(self, rows: list[list[float]], field: str) -> Array:
        try:
            typed = self._rows.typed(np.array(rows, np.float64))
        except ValueError:
            typed = None
        if typed is None:
            raise self._rows.explain(rows, field, _REMEDY)
        return typed

    def _order(self, names: list[str]) -> list[int]:
        """Return where each of the model's columns is in the request; further ones are left out."""
        places = {name: place for place, name in enumerate(names)}
        field = f"{_FIELD}.columns"
        if len(places) != len(names):
            raise bad_request("field-invalid", field, "columns: a name appears twice")
        missing = [name for name in self._rows.columns if name not in places]
        if missing:
            message = f"columns: {', '.join(missing[:5])} missing, found {shown(names)}"
            raise bad_request("column-missing", field, message)
        return [places[name] for name in self._rows.columns]

    def _wrong_length(self, given: _Table) -> RequestError:
        width = len(given.columns)
        at = next(index for index, row in enumerate(given.data) if len(row) != width)
        field = f"{_FIELD}.data[{at}]"
        message = f"{field} has {len(given.data[at])} numbers, columns has {width} names"
        return bad_request("row-length", field, message)

    def _explain(self, body: bytes) -> RequestError:
        content = json_object(body, _REMEDY)
        if _FIELD not in content:
            message = f"{_FIELD} is missing, the body has {shown(sorted(content))}; {_REMEDY}"
            return bad_request("field-missing", _FIELD, message)
        given = content[_FIELD]
        if not isinstance(given, dict):
            return self._rows.explain(given, _FIELD, _REMEDY)
        names = given.get("columns")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            field = f"{_FIELD}.columns"
            message = f"columns is {shown(names)}, expected a list of names; {_REMEDY}"
            return bad_request("field-invalid", field, message)
        if not isinstance(given.get("index"), list | None):
            field = f"{_FIELD}.index"
            return bad_request("field-invalid", field, "index: expected a list")
        return self._explain_table(given.get("data"), names)

    def _explain_table(self, rows: Any, names: list[str]) -> RequestError:
        field = f"{_FIELD}.data"
        if isinstance(rows, list):
            for at, row in enumerate(rows):
                for place, value in enumerate(row if isinstance(row, list) else ()):
                    if isinstance(value, bool) or not isinstance(value, int | float):
                        where = f"{field}[{at}][{place}]"
                        name = f" ({names[place]})" if place < len(names) else ""
                        message = f"{where}{name} is {shown(value)}, expected a number"
                        return bad_request("not-a-number", where, message)
        return self._rows.explain(rows, field, _REMEDY)
