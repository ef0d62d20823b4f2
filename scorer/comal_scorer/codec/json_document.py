"""JSON read by simdjson: numbers go from the text into a buffer, never through Python objects."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import simdjson

from comal_scorer.request_error import shown
from comal_scorer.runtime.tensors import Array

_KINDS = {"f": "d", "i": "i", "u": "u"}
_BUFFERS: dict[str, np.dtype[Any]] = {
    "d": np.dtype(np.float64),
    "i": np.dtype(np.int64),
    "u": np.dtype(np.uint64),
}


class Documents:
    """A parser for each thread; its memory grows to the largest body and is used again."""

    def __init__(self) -> None:
        """Make no parser before it is needed."""
        self._local = threading.local()

    def parse(self, body: bytes) -> Any:
        """Return the document's root; raises `ValueError` for what is no JSON.

        A container it returned must be gone before the same thread parses again.
        """
        parser = getattr(self._local, "parser", None)
        if parser is not None:
            try:
                return parser.parse(body)
            except RuntimeError:
                # An error that somebody still holds keeps the last document alive.
                parser = None
        self._local.parser = parser = simdjson.Parser()
        try:
            return parser.parse(body)
        except RuntimeError as problem:
            # A whole number of more than 64 bits.
            raise ValueError(str(problem)) from None


def numbers(values: Any, kind: str) -> Array:
    """Return a JSON list's numbers, however deep, as a new flat float64, int64 or uint64 array.

    `kind` is a NumPy kind: f, i or u. Raises `TypeError` or `ValueError` where one is no such
    number.
    """
    code = _KINDS[kind]
    # The buffer is a bytes object of its own; the document may go.
    return np.frombuffer(values.as_buffer(of_type=code), _BUFFERS[code])


def is_object(value: Any) -> bool:
    """Return whether the value is a JSON object."""
    return hasattr(value, "keys")


def is_list(value: Any) -> bool:
    """Return whether the value is a JSON list."""
    return hasattr(value, "as_list")


def field(value: Any, name: str) -> Any:
    """Return the field of a JSON object, None where there is neither."""
    return value.get(name) if is_object(value) else None


def described(value: Any) -> str:
    """Return a JSON value as an error message may show it."""
    if is_list(value):
        return "a list"
    return "an object" if is_object(value) else shown(value)
