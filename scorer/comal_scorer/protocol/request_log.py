"""One JSON line per request on standard output, and the ids that tie it to others' lines."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import msgspec

# A caller's id goes into logs and back into a header: short, and nothing that could break either.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}").fullmatch
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch


class Told(Protocol):
    """Who is told of each request once it is answered."""

    def request(
        self,
        *,
        request_id: str,
        traceparent: str,
        method: str,
        path: str,
        status: int,
        seconds: float,
        predictions: int,
        error: str,
    ) -> None:
        """Take note of one."""
        ...


class Line(msgspec.Struct, rename="camel", omit_defaults=True):
    """One request as it is logged; never a body, never a caller's header but the two ids."""

    time: datetime
    request_id: str
    method: str
    path: str
    status: int
    ms: float
    model: str
    model_version: str
    revision: str
    predictions: int = 0
    traceparent: str = ""
    error: str = ""


Write = Callable[[bytes], object]


class RequestLog:
    """Encodes and writes lines; one system call each, so that no line is lost or cut."""

    def __init__(self, model: str, model_version: str, revision: str, write: Write) -> None:
        """Write lines about one served model."""
        self._model = model
        self._model_version = model_version
        self._revision = revision
        self._write = write
        self._encode = msgspec.json.Encoder().encode

    def request(
        self,
        *,
        request_id: str,
        traceparent: str,
        method: str,
        path: str,
        status: int,
        seconds: float,
        predictions: int,
        error: str,
    ) -> None:
        """Write one line."""
        line = Line(
            datetime.fromtimestamp(time.time(), UTC),
            request_id,
            method,
            path[:200],
            status,
            round(seconds * 1000, 3),
            self._model,
            self._model_version,
            self._revision,
            predictions,
            traceparent,
            error,
        )
        self._write(self._encode(line) + b"\n")


def write_line(line: bytes) -> None:
    """Write to standard output; a reader that is gone must not fail a request."""
    try:
        os.write(1, line)
    except OSError:
        return


def request_id(given: str | None) -> str:
    """Return the caller's id when it is harmless, a new one otherwise."""
    if given is not None and _REQUEST_ID(given):
        return given
    return os.urandom(16).hex()


def trace_context(given: str | None) -> str:
    """Return a well-formed W3C traceparent, or nothing."""
    return given if given is not None and _TRACE(given) else ""
