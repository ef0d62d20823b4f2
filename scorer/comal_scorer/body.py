"""Reading a request's body: bounded in bytes and in time, and in all by a budget of memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Protocol

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

from comal_scorer.request_error import RequestError

# Larger bodies, and those of unknown length, are counted against a budget while they arrive.
_SMALL = 64 * 1024
_BUDGET_BODIES = 16
_SECONDS = 30.0


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

    async def read(self, headers: Any, incoming: Incoming) -> bytes:
        """Return the body; raises `RequestError` 408, 413, 415, 499 or 503."""
        _check_type(headers.get("content-type"), headers.get("content-encoding"))
        length = _declared_length(headers.get("content-length"))
        if length is not None and length > self._max_bytes:
            await _discard(incoming, self._budget)
            raise self._too_large(length)
        try:
            async with asyncio.timeout(_SECONDS):
                if length is not None and length <= _SMALL:
                    return await incoming()
                return await self._read_large(incoming, length)
        except ProtocolClosed:
            raise _abandoned() from None
        except TimeoutError:
            message = f"the body did not arrive within {_SECONDS:g} s; send it again"
            raise RequestError(408, "body-too-slow", message, field="body") from None

    async def _read_large(self, incoming: Incoming, length: int | None) -> bytes:
        reserved = self._max_bytes if length is None else length
        if reserved > self._budget:
            raise overloaded("too many large bodies are arriving")
        self._budget -= reserved
        try:
            pieces = bytearray()
            async for piece in incoming:
                pieces += piece
                if len(pieces) > self._max_bytes:
                    raise self._too_large(len(pieces))
            if length is not None and len(pieces) != length:
                raise _abandoned()
            return bytes(pieces)
        finally:
            self._budget += reserved

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


def _check_type(content_type: str | None, encoding: str | None) -> None:
    if content_type is not None and content_type.partition(";")[0].strip().lower() != (
        "application/json"
    ):
        message = f"content-type: {content_type[:80]!a}, expected application/json"
        raise RequestError(415, "content-type-unsupported", message, field="content-type")
    if encoding is not None and encoding.strip().lower() != "identity":
        message = f"content-encoding: {encoding[:80]!a}, send the body uncompressed"
        raise RequestError(415, "content-encoding-unsupported", message, field="content-encoding")


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
