"""One line for each request, and the trace that it belongs to."""

from __future__ import annotations

from typing import Any

from comal_scorer.contract import REQUEST_ID_HEADER, TRACE_HEADER

_TYPE = "type.googleapis.com/envoy.extensions"
_FRESH = "x-comal-fresh"


def access_log(endpoint: str) -> list[dict[str, Any]]:
    """Return the log to stdout: one JSON object a request.

    Nothing of a body and no query string, where some callers have their secrets.
    """
    fields = {
        "time": "%START_TIME%",
        "endpoint": endpoint,
        "requestId": f"%REQ({REQUEST_ID_HEADER})%",
        "traceparent": f"%REQ({TRACE_HEADER})%",
        "method": "%REQ(:METHOD)%",
        "path": "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%",
        "code": "%RESPONSE_CODE%",
        "durationMs": "%DURATION%",
        "revision": "%UPSTREAM_METADATA(comal:revision)%",
        "modelVersion": "%UPSTREAM_METADATA(comal:modelVersion)%",
        "tries": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "bytesReceived": "%BYTES_RECEIVED%",
        "bytesSent": "%BYTES_SENT%",
        "why": "%RESPONSE_CODE_DETAILS%",
    }
    formatter = {
        "name": "envoy.formatter.req_without_query",
        "typed_config": {"@type": f"{_TYPE}.formatter.req_without_query.v3.ReqWithoutQuery"},
    }
    stdout = {
        "@type": f"{_TYPE}.access_loggers.stream.v3.StdoutAccessLog",
        "log_format": {"json_format": fields, "formatters": [formatter]},
    }
    return [{"name": "envoy.access_loggers.stdout", "typed_config": stdout}]


def trace_context() -> dict[str, Any]:
    """Return the filter that gives a request a traceparent if its caller sent none.

    Envoy's own tracing would replace the caller's parent by a span that nobody collects.
    """
    digits = f"%CEL(request.headers['{_FRESH}'].replace('-', ''))%"
    half = f"%CEL(request.headers['{_FRESH}'].replace('-', '')):16%"
    cel = {
        "name": "envoy.formatter.cel",
        "typed_config": {
            "@type": f"{_TYPE}.formatter.cel.v3.Cel",
            "cel_config": {"enable_string_functions": True},
        },
    }
    mutations = [
        _set(_FRESH, "%UNIQUE_ID%", "OVERWRITE_IF_EXISTS_OR_ADD"),
        _set(TRACE_HEADER, f"00-{digits}-{half}-01", "ADD_IF_ABSENT"),
        {"remove": _FRESH},
    ]
    return {
        "name": "comal.trace",
        "typed_config": {
            "@type": f"{_TYPE}.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": {"request_mutations": mutations, "formatters": [cel]},
        },
    }


def _set(header: str, value: str, action: str) -> dict[str, Any]:
    return {"append": {"header": {"key": header, "value": value}, "append_action": action}}
