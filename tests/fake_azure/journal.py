"""What was asked of the bed, and the faults that it answers with instead."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

# Longer than any client here waits.
_FOR_EVER = 600.0


@dataclass(frozen=True)
class Asked:
    """One request that reached a server; no header and no body: those hold secrets."""

    host: str
    method: str
    path: str
    query: str
    status: int


@dataclass(kw_only=True)
class Fault:
    """How the next `times` requests that match are answered instead of rightly."""

    path: str
    """A regular expression, searched for in the path."""
    method: str = ".*"
    host: str = ".*"
    times: int = 1
    after: int = 0
    """So many matching requests are answered rightly first."""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    """The whole body; for None and a status, Azure's error object."""
    delay: float = 0.0
    """Seconds before the answer."""
    is_black_hole: bool = False
    """Whether no answer ever comes."""
    is_lost: bool = False
    """Whether the request is carried out and its answer lost with the connection."""
    drop: str = ""
    """A dotted path that is missing in the right answer: `properties.flavors`."""

    def matches(self, request: web.Request) -> bool:
        """Return whether the fault is meant for this request."""
        return bool(
            re.fullmatch(self.method, request.method)
            and re.search(self.host, request.host)
            and re.search(self.path, request.path)
        )


class Journal:
    """The log of all servers, and the faults that were ordered; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.refused: list[str] = []
        """Hosts that the proxy did not let through."""

    def order(self, *faults: Fault) -> None:
        """Add faults; the first that matches a request is its answer."""
        with self._lock:
            self._faults += faults

    def clear(self) -> None:
        """Forget what was asked and what was ordered."""
        with self._lock:
            self._faults.clear()
            self.asked.clear()
            self.refused.clear()

    def calls(self, path: str = "", method: str = ".*", host: str = "") -> list[Asked]:
        """Return the requests that match, in order."""
        with self._lock:
            return [
                one
                for one in self.asked
                if re.search(path, one.path)
                and re.fullmatch(method, one.method)
                and re.search(host, one.host)
            ]

    def note(self, request: web.Request, status: int) -> None:
        """Write down what was answered."""
        with self._lock:
            self.asked.append(
                Asked(request.host, request.method, request.path, request.query_string, status)
            )

    def take(self, request: web.Request) -> Fault | None:
        """Return the fault for this request, used up by one."""
        with self._lock:
            for fault in self._faults:
                if not fault.times or not fault.matches(request):
                    continue
                if fault.after:
                    fault.after -= 1
                    return None
                fault.times -= 1
                return fault
        return None


def journalled(journal: Journal) -> Middleware:
    """Return the middleware that logs every request and answers with the faults."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = journal.take(request)
        try:
            answer = await (_faulty(fault, request, handler) if fault else handler(request))
        except web.HTTPException as refusal:
            journal.note(request, refusal.status)
            raise
        journal.note(request, answer.status)
        return answer

    return middleware


async def _faulty(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    if fault.is_black_hole:
        await asyncio.sleep(_FOR_EVER)
    await asyncio.sleep(fault.delay)
    if fault.is_lost:
        await handler(request)
        assert request.transport is not None
        request.transport.abort()
        return web.Response(status=499)
    if fault.drop:
        return _without(await handler(request), fault.drop)
    if fault.status is None and fault.body is None:
        return await handler(request)
    status = fault.status or 200
    body = fault.body if fault.body is not None else error_text(status, "Ordered", "by a fault")
    return web.Response(
        status=status, text=body, headers=fault.headers, content_type="application/json"
    )


def _without(answer: web.StreamResponse, path: str) -> web.Response:
    assert isinstance(answer, web.Response)
    assert answer.text is not None
    body: Any = json.loads(answer.text)
    *parents, last = path.split(".")
    inner = body
    for one in parents:
        inner = inner[one]
    del inner[last]
    return web.json_response(body, status=answer.status)


def error_text(status: int, code: str, message: str) -> str:
    """Return ARM's error object as JSON."""
    return json.dumps({"error": {"code": code, "message": f"{message} ({status})"}})


def refuse(status: int, code: str, message: str, **headers: str) -> web.Response:
    """Return an answer with ARM's error object."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.json_response(
        {"error": {"code": code, "message": message}}, status=status, headers=named
    )
