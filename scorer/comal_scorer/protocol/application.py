"""The RSGI application: routes, limits, and one place where every error becomes an answer."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from comal_scorer import contract
from comal_scorer.collection.collector import Collector
from comal_scorer.comparison.kept_answers import KeptAnswers
from comal_scorer.limits.body import BodyReader, media_type
from comal_scorer.measurements import Measurements
from comal_scorer.protocol.exchange import (
    Call,
    Dialect,
    Given,
    Headers,
    Page,
    Reply,
    Route,
)
from comal_scorer.protocol.request_log import Told, request_id, trace_context
from comal_scorer.request_error import RequestError

_CLOSE = ("connection", "close")
_INTERNAL = RequestError(
    500, "internal", "the model could not answer this request; the scorer's log says why"
)
_GOOD = 200
_READ_METHODS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Table:
    """What is served where: pages need a query at most, routes score.

    `elsewhere` returns the dialect in which a path without a route is refused.
    """

    pages: Mapping[str, Page]
    routes: Mapping[str, Route]
    elsewhere: Callable[[str], Dialect]


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who is told of requests."""

    measurements: Measurements
    told: tuple[Told, ...]
    collector: Collector | None
    kept: KeptAnswers


class _Asked(msgspec.Struct, frozen=True, gc=False):
    method: str
    path: str
    headers: Given


class Application:
    """Answers requests by a table; lives on one event loop."""

    def __init__(
        self,
        table: Table,
        bodies: BodyReader,
        identity: Headers,
        witnesses: Witnesses,
    ) -> None:
        """Serve the table; `identity` headers say in every answer who gave it."""
        self.draining = False
        self._pages = table.pages
        self._routes = table.routes
        self._elsewhere = table.elsewhere
        self._bodies = bodies
        self._identity = identity
        self._measurements = witnesses.measurements
        self._told = witnesses.told
        self._collector = witnesses.collector
        self._keep = witnesses.kept.keep

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        # Once each: the scope makes a new text, or a copy of all headers, every time it is asked.
        asked = _Asked(scope.method, scope.path, scope.headers)
        page = self._pages.get(asked.path)
        if page is not None and asked.method in _READ_METHODS:
            status, kind, body = page(scope.query_string)
            protocol.response_bytes(status, [("content-type", kind)], body)
            return
        started = time.perf_counter()
        given = asked.headers
        route = self._routes.get(asked.path)
        dialect = route.dialect if route is not None else self._elsewhere(asked.path)
        identifier = request_id(given.get(contract.REQUEST_ID_HEADER))
        trace = trace_context(given.get(contract.TRACE_HEADER))
        headers = [*self._identity, *dialect.headers(given, identifier)]
        if trace:
            headers.append((contract.TRACE_HEADER, trace))
        if self.draining:
            # The client opens its next connection to a Pod that stays.
            headers.append(_CLOSE)
        error, predictions, pair = "", 0, None
        try:
            dialect.admit(given)
            reply = await self._answer(asked, scope, protocol, route)
            status, body, predictions = reply.status, reply.body, reply.predictions
            headers += [("content-type", reply.media_type), *reply.headers]
            headers += dialect.success(reply)
            if self._collector is not None and reply.collectable is not None:
                self._collector.offer(identifier, *reply.collectable)
            pair = given.get(contract.PAIR_HEADER)
        except Exception as problem:  # noqa: BLE001 - whatever happens, the caller gets an answer
            refused = _as_refusal(problem, identifier)
            error = refused.code
            status, body, more = dialect.refusal(refused)
            headers += [("content-type", "application/json"), *more]
        protocol.response_bytes(status, headers, body)
        seconds = time.perf_counter() - started
        if pair is not None and status == _GOOD:
            self._keep(pair, reply, of_copy=given.get(contract.MIRROR_HEADER) is not None)
        self._measurements.count(status, seconds)
        for told in self._told:
            told.request(
                request_id=identifier,
                traceparent=trace,
                method=asked.method,
                path=asked.path,
                status=status,
                seconds=seconds,
                predictions=predictions,
                error=error,
            )

    def close(self) -> None:
        """Write down what has been collected; nothing is answered any more."""
        if self._collector is not None:
            self._collector.close()

    async def _answer(self, asked: _Asked, scope: Any, protocol: Any, route: Route | None) -> Reply:
        if route is None:
            raise _wrong_route(asked, is_page=asked.path in self._pages)
        endpoint = route.endpoint
        if asked.method not in endpoint.methods:
            raise _wrong_method(asked.method, ", ".join(endpoint.methods))
        kind, body = "", b""
        if asked.method == "POST":
            kind = media_type(asked.headers, endpoint.media_types)
            body = await self._bodies.read(asked.headers, protocol)
        call = Call(asked.method, scope.query_string, asked.headers, kind, body)
        return await endpoint.answer(call)


def _as_refusal(problem: Exception, identifier: str) -> RequestError:
    """Return what the caller is told; a traceback goes where operators look, never into it."""
    if isinstance(problem, RequestError):
        return problem
    sys.stderr.write(f"request {identifier} failed\n")
    traceback.print_exception(problem, file=sys.stderr)
    return _INTERNAL


def _wrong_route(asked: _Asked, *, is_page: bool) -> RequestError:
    if is_page:
        return _wrong_method(asked.method, "GET, HEAD")
    message = (
        f"{asked.path[:80]!a} does not exist; requests are scored at POST {contract.SCORE_PATH}"
    )
    return RequestError(404, "not-found", message, field="path")


def _wrong_method(method: str, allowed: str) -> RequestError:
    message = f"{method[:20]!a} is not answered here; use {allowed}"
    headers = (("allow", allowed),)
    return RequestError(405, "method-not-allowed", message, field="method", headers=headers)
