"""Reading a request's body: bounded in bytes and in time, and in all by a budget of memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

from comal_scorer.limits.patience import Patience
from comal_scorer.request_error import RequestError

# Larger bodies, and those of unknown length, are counted against a budget while they arrive.
_SMALL = 64 * 1024
_BUDGET_BODIES = 16
_SECONDS = 30.0
_JSON = "application/json"
_ANY = "*/*"


class Incoming(Protocol):
    """What Granian hands over for a request's body."""

    def __call__(self) -> Awaitable[bytes]:
        """Return the whole body."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return its pieces."""
        ...


class BodyReader:
    """Reads bodies of at most `max_bytes`, in all at most sixteen times that at once."""

    def __init__(self, max_bytes: int) -> None:
        """Start with nothing buffered."""
        self._max_bytes = max_bytes
        self._budget = _BUDGET_BODIES * max_bytes
        self._patience = Patience(_SECONDS)

    async def read(self, headers: Any, incoming: Incoming) -> bytes:
        """Return the body; raises `RequestError` 408, 413, 499 or 503."""
        length = _declared_length(headers.get("content-length"))
        if length is not None and length > self._max_bytes:
            await _discard(incoming, self._budget)
            raise self._too_large(length)
        try:
            if length is None:
                async with asyncio.timeout(_SECONDS):
                    return await self._read_unknown(incoming)
            return await self._read_known(incoming, length)
        except ProtocolClosed:
            raise _abandoned() from None
        except TimeoutError:
            message = f"the body did not arrive within {_SECONDS:g} s; send it again"
            raise RequestError(408, "body-too-slow", message, field="body") from None

    async def _read_known(self, incoming: Incoming, length: int) -> bytes:
        """Return a body whose length was told; the server never hands over more than that."""
        if length <= _SMALL:
            return await self._patience.wait(incoming())
        with self._reserved(length):
            content = await self._patience.wait(incoming())
        if len(content) != length:
            raise _abandoned()
        return content

    async def _read_unknown(self, incoming: Incoming) -> bytes:
        with self._reserved(self._max_bytes):
            pieces = bytearray()
            async for piece in incoming:
                pieces += piece
                if len(pieces) > self._max_bytes:
                    raise self._too_large(len(pieces))
            return bytes(pieces)

    @contextmanager
    def _reserved(self, size: int) -> Iterator[None]:
        """Take from the budget while a body arrives; raises `RequestError` 503."""
        if size > self._budget:
            raise overloaded("too many large bodies are arriving")
        self._budget -= size
        try:
            yield
        finally:
            self._budget += size

    def _too_large(self, size: int) -> RequestError:
        message = f"the body has {size} bytes or more, at most {self._max_bytes} are read"
        return RequestError(413, "body-too-large", message, field="body")


def overloaded(why: str) -> RequestError:
    """Return the answer for work that would wait too long here; another Pod may be idle."""
    message = f"{why}; try again in a second"
    return RequestError(503, "overloaded", message, headers=(("retry-after", "1"),))


def _abandoned() -> RequestError:
    """Return the error for a client that left: nobody reads it, but logs and metrics count it.

    499 is nginx's code for this; a 500 would be held against the model.
    """
    return RequestError(499, "client-closed", "the client left before its body was complete")


def media_type(headers: Any, taken: frozenset[str]) -> str:
    """Return the body's media type, one of those taken; JSON when the caller does not say.

    Raises `RequestError` 415.
    """
    encoding = headers.get("content-encoding")
    if encoding is not None and encoding.strip().lower() != "identity":
        message = f"content-encoding: {encoding[:80]!a}, send the body uncompressed"
        raise RequestError(415, "content-encoding-unsupported", message, field="content-encoding")
    content_type = headers.get("content-type")
    if content_type is None or content_type == _JSON:
        return _JSON
    kind: str = content_type.partition(";")[0].strip().lower()
    if kind not in taken and _ANY not in taken:
        expected = " or ".join(sorted(taken))
        message = f"content-type: {content_type[:80]!a}, expected {expected}"
        raise RequestError(415, "content-type-unsupported", message, field="content-type")
    return kind


def _declared_length(value: str | None) -> int | None:
    if value is None or not value.isascii() or not value.isdigit():
        return None
    return int(value)


async def _discard(incoming: Incoming, at_most: int) -> None:
    """Read and forget, so that a client that writes first and reads later gets the 413."""
    received = 0
    try:
        async with asyncio.timeout(_SECONDS):
            async for piece in incoming:
                received += len(piece)
                if received > at_most:
                    return
    except (TimeoutError, ProtocolClosed):
        return
