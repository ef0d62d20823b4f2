"""A span of each sampled request, sent over OTLP by a thread that no request waits for.

What a span says, where it goes and which share is sampled are OpenTelemetry's own variables of the
environment (OTEL_…), which its SDK reads by itself.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
import time
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from comal_scorer.contract import TRACE_HEADER
from comal_scorer.settings import Settings

_CLOSE_SECONDS: Final = 2.0
_QUIET_SECONDS: Final = 60.0


class RequestTraces:
    """Makes spans after their requests are answered; begun by each worker for itself."""

    def __init__(self, settings: Settings, paths: frozenset[str]) -> None:
        """Make spans about one served model; `paths` are those that have a name of their own."""
        _complain_seldom()
        resource = Resource.create(
            {
                "service.version": settings.model_version,
                "service.instance.id": socket.gethostname(),
                "comal.model": settings.model_name,
                "comal.revision": settings.revision,
            }
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("comal_scorer")
        self._extract = TraceContextTextMapPropagator().extract
        self._paths = paths

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
        """Make the span of a request that has been answered this moment."""
        end = time.time_ns()
        # Nobody's span but the caller's is above it, whatever a script does in this process.
        parent = self._extract({TRACE_HEADER: traceparent}, Context())
        known = path in self._paths
        span = self._tracer.start_span(
            f"{method} {path}" if known else method,
            parent,
            SpanKind.SERVER,
            start_time=end - int(seconds * 1e9),
        )
        if span.is_recording():
            # Named as Envoy names them, so that one question finds the spans of both.
            attributes: dict[str, AttributeValue] = {
                "http.method": method,
                "http.route" if known else "url.path": path[:200],
                "http.status_code": status,
                "guid:x-request-id": request_id,
                "comal.predictions": predictions,
            }
            if error:
                attributes["error.type"] = error
            span.set_attributes(attributes)
            if status >= 500:
                span.set_status(StatusCode.ERROR)
        span.end(end)

    def close(self) -> None:
        """Send what is left, as far as that takes no longer than a moment."""
        # The provider's own patience depends on that of its exporter.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)


class _Complaints(logging.Handler):
    """Says in a line of our own log, once a minute, that spans cannot be sent."""

    _next = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _QUIET_SECONDS
        line = {"event": "traces are lost", "why": record.getMessage()[:500]}
        sys.stderr.write(json.dumps(line) + "\n")


def _complain_seldom() -> None:
    logger = logging.getLogger("opentelemetry")
    logger.propagate = False
    logger.handlers = [_Complaints(logging.WARNING)]
