"""One request and its answer, as every route sees them, whatever server carries them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from comal_scorer.request_error import RequestError
from comal_scorer.runtime.tensors import Array

Headers = list[tuple[str, str]]
# Status, content type and body, by the query alone.
Page = Callable[[str], tuple[int, str, bytes]]

JSON_TYPE = "application/json"
ANY_TYPE = "*/*"


class Given(Protocol):
    """The request's headers, by lower-case name."""

    def get(self, name: str) -> str | None:
        """Return the header's value, or None."""
        ...

    def keys(self) -> Iterable[str]:
        """Return the names of all headers."""
        ...


class Call(msgspec.Struct, frozen=True, gc=False):
    """One request whose body has arrived in full."""

    method: str
    query: str
    headers: Given
    media_type: str
    body: bytes


class Reply(msgspec.Struct, frozen=True, gc=False):
    """An answer that is no refusal; its status is 200 unless a script says otherwise.

    `seconds` is the time of decoding, predicting and encoding; `predictions` counts the rows
    answered; `collectable` is what the model was given and gave, where that is tensors.
    """

    body: bytes
    seconds: float
    predictions: int
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = JSON_TYPE
    collectable: tuple[Array, Array] | None = None
    status: int = 200


class Endpoint(Protocol):
    """A route that scores: what it takes, and how it answers."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Return the methods that are answered."""
        ...

    @property
    def media_types(self) -> frozenset[str]:
        """Return what a body may be."""
        ...

    async def answer(self, call: Call) -> Reply:
        """Return the answer; raises `RequestError`."""
        ...


class Dialect(Protocol):
    """How a family of clients is spoken to, beyond the answer's body."""

    def admit(self, given: Given) -> None:
        """Raise `RequestError` when the headers alone are reason to refuse."""
        ...

    def headers(self, given: Given, identifier: str) -> Headers:
        """Return what every answer carries."""
        ...

    def success(self, reply: Reply) -> Headers:
        """Return what an answer of 200 carries beside them."""
        ...

    def refusal(self, problem: RequestError) -> tuple[int, bytes, Headers]:
        """Return status, body and headers of a refusal."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint in the dialect of those who call it."""

    endpoint: Endpoint
    dialect: Dialect
