"""The contract `data-matrix`: `{"data": [[numbers], …]}` in, `{"result": […]}` out."""

from __future__ import annotations

import msgspec
import numpy as np

from comal_scorer.codec.number_rows import NumberRows, finite, json_object
from comal_scorer.model_card import ModelCard
from comal_scorer.request_error import RequestError, bad_request, shown
from comal_scorer.runtime.tensors import Array, Input

_REMEDY = 'send {"data": [[numbers], ...]}'


class _Body(msgspec.Struct):
    data: list[list[float]]


class DataMatrix:
    """Decodes rows of numbers, encodes one result per row."""

    always_pooled = False

    def __init__(self, model_input: Input, card: ModelCard) -> None:
        """Raise `TerminationError` (ModelInvalid) when the model does not take rows of numbers."""
        self._rows = NumberRows(model_input, card)
        self._decode = msgspec.json.Decoder(_Body).decode
        self._encode = msgspec.json.Encoder().encode

    def decode(self, body: bytes) -> Array:
        """Return the rows as the model's type; raises `RequestError` naming the first mistake."""
        typed = self._rows.quick(body, "data")
        if typed is None:
            try:
                typed = self._rows.typed(np.array(self._decode(body).data, np.float64))
            except (ValueError, RecursionError):
                typed = None
        if typed is None:
            raise self._explain(body)
        return typed

    def encode(self, result: Array, seconds: float = 0.0) -> bytes:
        """Return the JSON answer; raises `RequestError` (422) where a result is not finite."""
        del seconds
        return self._encode({"result": finite(result, "data").tolist()})

    def _explain(self, body: bytes) -> RequestError:
        content = json_object(body, _REMEDY)
        if "data" not in content:
            message = f"data is missing, the body has {shown(sorted(content))}; {_REMEDY}"
            return bad_request("field-missing", "data", message)
        return self._rows.explain(content["data"], "data", _REMEDY)
