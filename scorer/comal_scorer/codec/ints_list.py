"""The contract `ints-list`: rows of word numbers, or texts, in; a JSON string of a list out.

`[[100 ints], …]` as the original, `["a text", …]` where the vocabulary travelled with the model.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from comal_scorer.codec.number_rows import NumberRows, finite
from comal_scorer.codec.vocabulary import Vocabulary
from comal_scorer.model_card import ModelCard
from comal_scorer.request_error import RequestError, bad_request, shown
from comal_scorer.runtime.tensors import Array, Input

_FIELD = "body"


class IntsList:
    """Decodes rows of whole numbers below the vocabulary's size, encodes a list as text."""

    always_pooled = False

    def __init__(self, model_input: Input, card: ModelCard, vocabulary: Vocabulary | None) -> None:
        """Raise `TerminationError` (ModelInvalid) when the model does not take rows of numbers."""
        self._rows = NumberRows(model_input, card)
        self._vocabulary = vocabulary
        text = card.preprocessing.text
        self._words = text.words if text else 0
        # msgspec cannot tell two kinds of list apart, but the elements of one.
        self._decode: Callable[[bytes], list[Any]] = (
            msgspec.json.Decoder(list[list[int]]).decode
            if vocabulary is None
            else msgspec.json.Decoder(list[list[int] | str]).decode
        )
        width = self._rows.width or "n"
        either = ' or ["text", ...]' if vocabulary else ""
        self._remedy = f"send [[{width} whole numbers], ...]{either}"

    @property
    def takes_texts(self) -> bool:
        """Return whether the vocabulary travelled with the model."""
        return self._vocabulary is not None

    def decode(self, body: bytes) -> Array:
        """Return the rows as the model's type; raises `RequestError` naming the first mistake."""
        try:
            rows = self._numbers(self._decode(body))
        except (ValueError, RecursionError, OverflowError):
            raise self._explain(body) from None
        typed = self._rows.typed(rows)
        if typed is None or rows.min() < 0 or (self._words and rows.max() >= self._words):
            raise self._explain(body)
        return typed

    def texts(self, items: list[bytes]) -> Array:
        """Return the rows of texts in UTF-8; raises `RequestError`."""
        rows = None
        if self._vocabulary is not None:
            texts = [item.decode("utf-8", "replace") for item in items]
            rows = self._rows.typed(self._vocabulary.rows(texts))
        if rows is None:
            raise bad_request("field-invalid", "inputs[0]", "the model takes numbers, no texts")
        return rows

    def _numbers(self, content: list[Any]) -> Array:
        if self._vocabulary is not None and content and isinstance(content[0], str):
            if not all(isinstance(item, str) for item in content):
                raise ValueError("texts and numbers")
            return self._vocabulary.rows(content)
        return np.array(content, np.float64)

    def encode(self, result: Array, seconds: float = 0.0) -> bytes:
        """Return a JSON string that itself holds a JSON list, as the original did."""
        del seconds
        return json.dumps(json.dumps(finite(result, _FIELD).tolist())).encode()

    def _explain(self, body: bytes) -> RequestError:
        try:
            content = msgspec.json.decode(body)
        except (ValueError, RecursionError) as error:
            message = f"the body is not JSON ({error}); {self._remedy}"
            return bad_request("body-not-json", _FIELD, message)
        if not isinstance(content, list) or not content:
            message = f"the body is {shown(content)}, expected a list of rows; {self._remedy}"
            return bad_request("field-invalid", _FIELD, message)
        for index, row in enumerate(content):
            if wrong := self._wrong_number(row, f"{_FIELD}[{index}]"):
                return wrong
        return self._rows.explain(content, _FIELD, self._remedy)

    def _wrong_number(self, row: Any, field: str) -> RequestError | None:
        below = f" below {self._words}" if self._words else ""
        for place, value in enumerate(row if isinstance(row, list) else ()):
            whole = type(value) is int and value >= 0
            if not whole or (self._words and value >= self._words):
                where = f"{field}[{place}]"
                message = f"{where} is {shown(value)}, expected a whole number from 0{below}"
                return bad_request("not-a-number", where, message)
        return None
