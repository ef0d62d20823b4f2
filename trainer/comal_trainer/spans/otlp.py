"""Spans as they come over OTLP, as OpenTelemetry's SDK has them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class NoSpansError(Exception):
    """The body is not what OTLP says."""


def count_of(body: bytes) -> int:
    """Return how many spans are in a request; raise NoSpansError."""
    return sum(
        len(scope.spans) for group in _read(body).resource_spans for scope in group.scope_spans
    )


def spans_of(body: bytes) -> Iterator[ReadableSpan]:
    """Return the spans of a request; one without an id of its own is none."""
    for group in _read(body).resource_spans:
        resource = Resource(_values(group.resource.attributes))
        for scoped in group.scope_spans:
            scope = InstrumentationScope(scoped.scope.name, scoped.scope.version)
            for span in scoped.spans:
                if len(span.trace_id) == 16 and len(span.span_id) == 8:
                    yield _span(span, resource, scope)


def _read(body: bytes) -> ExportTraceServiceRequest:
    found = ExportTraceServiceRequest()
    try:
        found.ParseFromString(body)
    except DecodeError:
        raise NoSpansError("the body is not an ExportTraceServiceRequest") from None
    return found


def _span(span: Any, resource: Resource, scope: InstrumentationScope) -> ReadableSpan:
    parent = _context(span.trace_id, span.parent_span_id) if any(span.parent_span_id) else None
    code = StatusCode(span.status.code) if span.status.code <= 2 else StatusCode.UNSET
    said = span.status.message if code is StatusCode.ERROR else None
    attributes = _values(span.attributes)
    if "error.type" in attributes:
        # The exporter leaves out what semantic conventions name.
        attributes["comal.error"] = attributes["error.type"]
    return ReadableSpan(
        name=span.name,
        context=_context(span.trace_id, span.span_id),
        parent=parent,
        resource=resource,
        attributes=attributes,
        events=[
            Event(one.name, _values(one.attributes), one.time_unix_nano) for one in span.events
        ],
        # The wire counts from 1; 0 is nothing.
        kind=SpanKind(span.kind - 1) if 1 <= span.kind <= 5 else SpanKind.INTERNAL,
        status=Status(code, said),
        start_time=span.start_time_unix_nano,
        end_time=span.end_time_unix_nano,
        instrumentation_scope=scope,
    )


def _context(trace: bytes, span: bytes) -> SpanContext:
    return SpanContext(
        int.from_bytes(trace, "big"),
        int.from_bytes(span, "big"),
        is_remote=False,
        trace_flags=_SAMPLED,
    )


def _values(attributes: Iterable[Any]) -> dict[str, AttributeValue]:
    found = ((one.key, _plain(one.value)) for one in attributes)
    return {
        key: value if isinstance(value, (str, bool, int, float)) else json.dumps(value)
        for key, value in found
        if value is not None
    }


def _plain(value: Any) -> Any:
    """Return what JSON has for it; None for nothing."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    found = getattr(value, kind)
    if kind == "array_value":
        return [_plain(one) for one in found.values]
    if kind == "kvlist_value":
        return {one.key: _plain(one.value) for one in found.values}
    return found.hex() if kind == "bytes_value" else found
