"""The RSGI application: routes, limits, and one place where every error becomes an answer."""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from comal_scorer import contract
from comal_scorer.body import BodyReader, overloaded
from comal_scorer.measurements import EXPOSITION_TYPE, Measurements
from comal_scorer.request_error import RequestError
from comal_scorer.request_log import RequestLog, request_id, trace_context
from comal_scorer.scoring import Scorer
from comal_scorer.settings import Settings

Headers = list[tuple[str, str]]
Page = Callable[[], tuple[int, str, bytes]]

_JSON = ("content-type", "application/json")
_CLOSE = ("connection", "close")
_LARGE_BODY = 64 * 1024
_LONGEST_QUEUE = 256
_INTERNAL = RequestError(
    500, "internal", "the model could not answer this request; the scorer's log says why"
)
_READ_METHODS = frozenset({"GET", "HEAD"})


class Application:
    """Answers requests for one proved scorer; lives on one event loop."""

    def __init__(
        self,
        settings: Settings,
        scorer: Scorer,
        measurements: Measurements,
        log: RequestLog | None,
        threads: int,
    ) -> None:
        """Serve the scorer; `threads` run what may not stop the event loop."""
        self.draining = False
        self._scorer = scorer
        self._measurements = measurements
        self._log = log
        self._bodies = BodyReader(settings.max_body_bytes)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="score")
        self._in_flight = 0
        self._max_in_flight = settings.max_in_flight or queue_length(scorer.seconds, threads)
        measurements.in_flight.set_function(lambda: self._in_flight)
        self._identity: Headers = [
            (contract.MODEL_VERSION_HEADER, settings.model_version),
            (contract.REVISION_HEADER, settings.revision),
        ]
        self._pages: dict[str, Page] = {
            contract.HEALTH_PATH: lambda: (200, "text/html", contract.HEALTHY_BODY.encode()),
            contract.LIVE_PATH: lambda: (200, "text/plain", b"ok"),
            contract.READY_PATH: self._ready,
            contract.METRICS_PATH: lambda: (200, EXPOSITION_TYPE, measurements.exposition()),
        }

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request."""
        page = self._pages.get(scope.path)
        if page is not None and scope.method in _READ_METHODS:
            status, kind, body = page()
            protocol.response_bytes(status, [("content-type", kind)], body)
            return
        started = time.perf_counter()
        given = scope.headers
        identifier = request_id(given.get(contract.REQUEST_ID_HEADER))
        trace = trace_context(given.get(contract.TRACE_HEADER))
        headers = [_JSON, *self._identity, (contract.REQUEST_ID_HEADER, identifier)]
        if trace:
            headers.append((contract.TRACE_HEADER, trace))
        if self.draining:
            # The client opens its next connection to a Pod that stays.
            headers.append(_CLOSE)
        error = ""
        try:
            status, body = 200, await self._answer(scope, protocol)
        except RequestError as problem:
            status, body, error = problem.status, problem.body(), problem.code
            headers.extend(problem.headers)
        except Exception as problem:  # noqa: BLE001 - whatever happens, the caller gets an answer
            status, body, error = 500, _INTERNAL.body(), _INTERNAL.code
            _report(problem, identifier)
        protocol.response_bytes(status, headers, body)
        seconds = time.perf_counter() - started
        self._record(
            scope, status=status, seconds=seconds, identifier=identifier, trace=trace, error=error
        )

    async def _answer(self, scope: Any, protocol: Any) -> bytes:
        if scope.path != contract.SCORE_PATH:
            raise _wrong_route(scope.method, scope.path, is_page=scope.path in self._pages)
        if scope.method != "POST":
            raise _wrong_method(scope.method, "POST")
        body = await self._bodies.read(scope.headers, protocol)
        # Counted only now: a slow sender must not take a place from one who has sent all.
        if self._in_flight >= self._max_in_flight:
            raise overloaded(f"{self._in_flight} requests are being scored")
        self._in_flight += 1
        try:
            if self._scorer.inline and len(body) <= _LARGE_BODY:
                return self._scorer.score(body)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, self._scorer.score, body)
        finally:
            self._in_flight -= 1

    def _ready(self) -> tuple[int, str, bytes]:
        # The application exists only after its scorer has made a prediction.
        return (503, "text/plain", b"draining") if self.draining else (200, "text/plain", b"ok")

    def _record(
        self,
        scope: Any,
        *,
        status: int,
        seconds: float,
        identifier: str,
        trace: str,
        error: str,
    ) -> None:
        self._measurements.count(status, seconds)
        if self._log is not None:
            self._log.request(
                request_id=identifier,
                traceparent=trace,
                method=scope.method,
                path=scope.path,
                status=status,
                seconds=seconds,
                error=error,
            )


def queue_length(seconds: float, threads: int) -> int:
    """Return how many requests may be in the house when one forward pass takes `seconds`.

    The last in the queue waits about `DEFAULT_QUEUE_SECONDS`; two per thread are always let in.
    """
    fitting = int(contract.DEFAULT_QUEUE_SECONDS * threads / max(seconds, 1e-6))
    return max(2 * threads, min(fitting, _LONGEST_QUEUE))


def _wrong_route(method: str, path: str, *, is_page: bool) -> RequestError:
    if is_page:
        return _wrong_method(method, "GET, HEAD")
    message = f"{path[:80]!a} does not exist; requests are scored at POST {contract.SCORE_PATH}"
    return RequestError(404, "not-found", message, field="path")


def _wrong_method(method: str, allowed: str) -> RequestError:
    message = f"{method[:20]!a} is not answered here; use {allowed}"
    headers = (("allow", allowed),)
    return RequestError(405, "method-not-allowed", message, field="method", headers=headers)


def _report(problem: Exception, identifier: str) -> None:
    """Write the traceback where operators look, never into an answer."""
    sys.stderr.write(f"request {identifier} failed\n")
    traceback.print_exception(problem, file=sys.stderr)
