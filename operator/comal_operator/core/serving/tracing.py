"""One line for each request, and the trace that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from comal_scorer.contract import REQUEST_ID_HEADER, TRACE_HEADER

COLLECTOR_CLUSTER = "collector"
_TYPE = "type.googleapis.com/envoy.extensions"
_TRACERS = f"{_TYPE}.tracers.opentelemetry"
_FRESH = "x-comal-fresh"
_MILLION = 1_000_000


@dataclass(frozen=True)
class Traces:
    """Where spans of requests are sent, and of how many requests that begin a trace."""

    host: str
    port: int
    sample: str
    """A share from 0 to 1; requests that bring a trace are sampled as it says."""
    namespace: str


def access_log(endpoint: str, *, traced: bool = False) -> list[dict[str, Any]]:
    """Return the log to stdout: one JSON object a request.

    Nothing of a body and no query string, where some callers have their secrets.
    """
    # With spans the traceparent is that of the last try, and a refusal has none.
    trace = {"traceId": "%TRACE_ID%"} if traced else {}
    fields = {
        "time": "%START_TIME%",
        "endpoint": endpoint,
        "requestId": f"%REQ({REQUEST_ID_HEADER})%",
        "traceparent": f"%REQ({TRACE_HEADER})%",
        **trace,
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

    Where nobody collects spans: Envoy's own tracing would replace the caller's parent by one that
    is never seen.
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


def span_settings(endpoint: str, traces: Traces) -> dict[str, Any]:
    """Return what makes Envoy trace: a span of the request, below it one of each try.

    Spans leave by a buffer of Envoy's that is dropped when nobody takes it.
    """
    provider = {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "service_name": f"{endpoint}-router",
        "http_service": {
            "http_uri": {
                "uri": f"http://{traces.host}:{traces.port}/v1/traces",
                "cluster": COLLECTOR_CLUSTER,
                "timeout": "5s",
            }
        },
        "resource_detectors": [_resource({"service.namespace": traces.namespace})],
        "sampler": _sampler(traces.sample),
    }
    tags = {
        "comal.endpoint": endpoint,
        "comal.revision": "%UPSTREAM_METADATA(comal:revision)%",
        "comal.model_version": "%UPSTREAM_METADATA(comal:modelVersion)%",
        "http.route": "%PATH(NQ)%",
        # Of a try Envoy itself says the status alone, and no backend takes that for HTTP.
        "http.request.method": "%REQ(:METHOD)%",
    }
    return {
        "tracing": {
            "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": provider},
            "spawn_upstream_span": True,
            "operation": "%REQ(:METHOD)% %PATH(NQ)%",
            "upstream_operation": "try %UPSTREAM_REQUEST_ATTEMPT_COUNT%",
            # Envoy's own tag of the address has the query, where some callers have their secrets.
            "max_path_tag_length": 0,
            "custom_tags": [{"tag": tag, "value": value} for tag, value in tags.items()],
        },
        # A caller's id is passed on as it came: by default some of its digits say who sampled it.
        "request_id_extension": {
            "typed_config": {
                "@type": f"{_TYPE}.request_id.uuid.v3.UuidRequestIdConfig",
                "pack_trace_reason": False,
                "use_request_id_for_trace_sampling": False,
            }
        },
    }


def collector_cluster(traces: Traces) -> dict[str, Any]:
    """Return where spans go: looked up by name, waited for by nobody."""
    address = {"socket_address": {"address": traces.host, "port_value": traces.port}}
    # What a collector that hangs may hold of a router's memory.
    limits = {"max_connections": 4, "max_pending_requests": 16, "max_requests": 16}
    return {
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": COLLECTOR_CLUSTER,
        "type": "STRICT_DNS",
        # Routers start, and follow their files, while no name is known.
        "wait_for_warm_on_init": False,
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {
            "cluster_name": COLLECTOR_CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }


def _sampler(sample: str) -> dict[str, Any]:
    share = {"numerator": int(Decimal(sample) * _MILLION), "denominator": "MILLION"}
    ratio = {
        "@type": f"{_TRACERS}.samplers.v3.TraceIdRatioBasedSamplerConfig",
        "sampling_percentage": share,
    }
    of_parent = {
        "@type": f"{_TRACERS}.samplers.v3.ParentBasedSamplerConfig",
        "wrapped_sampler": {
            "name": "envoy.tracers.opentelemetry.samplers.trace_id_ratio_based",
            "typed_config": ratio,
        },
    }
    name = "envoy.tracers.opentelemetry.samplers.parent_based"
    return {"name": name, "typed_config": of_parent}


def _resource(attributes: dict[str, str]) -> dict[str, Any]:
    kind = f"{_TRACERS}.resource_detectors.v3.StaticConfigResourceDetectorConfig"
    return {
        "name": "envoy.tracers.opentelemetry.resource_detectors.static_config",
        "typed_config": {"@type": kind, "attributes": attributes},
    }
