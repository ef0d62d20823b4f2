"""What the router listens on: one port that scores, one that shows numbers and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comal_operator.core.serving.acknowledgement import SCORING_ROUTES, STATS_PORT
from comal_operator.core.serving.addresses import address_filter
from comal_operator.core.serving.endpoints import Routing
from comal_operator.core.serving.key_rate import key_rate_filter
from comal_operator.core.serving.keys import key_filters
from comal_operator.core.serving.replies import local_replies
from comal_operator.core.serving.tracing import access_log, span_settings, trace_context
from comal_operator.core.serving.transport import TLS_FILE, transport_socket

ADMIN_CLUSTER = "admin"
SCORING_PORT = 8080
# A caller is told to connect anew this often, so that it has left before a router stops and its
# load follows when routers come.
CALLER_CONNECTION_SECONDS = 10
SHOWN_PATHS = ("/stats", "/stats/prometheus", "/clusters", "/ready")

_TYPE = "type.googleapis.com/envoy"
_HTTP = f"{_TYPE}.extensions.filters"


@dataclass(frozen=True)
class Places:
    """Where a router finds its files and listens; the defaults are those in its Pod."""

    folder: str = "/etc/comal/router"
    keys_folder: str = "/etc/comal/keys"
    tls_folder: str = "/etc/comal/tls"
    admin_socket: str = "/tmp/envoy-admin.sock"  # noqa: S108 - the Pod's own, nobody else's
    address: str = "0.0.0.0"  # noqa: S104 - the Pod's
    scoring_port: int = SCORING_PORT
    stats_port: int = STATS_PORT


def watched(places: Places, file: str) -> dict[str, Any]:
    """Return a source that follows the kubelet's swap of the mounted folder."""
    source = {"path": f"{places.folder}/{file}", "watched_directory": {"path": places.folder}}
    return {"path_config_source": source, "resource_api_version": "V3"}


def listeners(places: Places, routing: Routing) -> Sequence[Mapping[str, Any]]:
    """Return the listeners' resources.

    They follow what the spec says of all requests; a change of shares leaves them as they are, and
    with them the callers' connections.
    """
    return [_scoring(places, routing), _statistics(places)]


def _scoring(places: Places, routing: Routing) -> dict[str, Any]:
    manager = {
        "rds": {
            "route_config_name": SCORING_ROUTES,
            "config_source": watched(places, "routes.json"),
        },
        # Headers with which a caller could steer the router are taken from nobody.
        "use_remote_address": True,
        "internal_address_config": {},
        **({"xff_num_trusted_hops": 1} if routing.handling.proxies else {}),
        "normalize_path": True,
        "merge_slashes": True,
        "generate_request_id": True,
        "preserve_external_request_id": True,
        "request_headers_timeout": "10s",
        # Of the whole request: who sends it slower is told 408.
        "request_timeout": f"{routing.timeout_seconds:g}s",
        "stream_idle_timeout": "300s",
        "common_http_protocol_options": {
            "idle_timeout": "300s",
            "max_connection_duration": f"{CALLER_CONNECTION_SECONDS}s",
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        # Told with an answer, never by closing under a request that is on its way.
        "http1_safe_max_connection_duration": True,
        "access_log": access_log(routing.name, traced=routing.traces is not None),
        "local_reply_config": local_replies(routing.timeout_seconds, routing.handling),
    }
    handling = routing.handling
    limited = [key_rate_filter(handling.key_rate)] if handling.key_rate is not None else []
    keys = key_filters(places.keys_folder, limited) if handling.has_keys else []
    addresses = address_filter(handling.ip_allow, handling.proxies)
    filters = [*addresses, *keys, _body_limit(handling.body_bytes)]
    if routing.traces is not None:
        manager |= span_settings(routing.name, routing.traces)
    else:
        filters.insert(0, trace_context())
    found = _listener(places, SCORING_ROUTES, places.scoring_port, manager, filters)
    if routing.handling.has_tls:
        found["filter_chains"][0]["transport_socket"] = transport_socket(watched(places, TLS_FILE))
    return found


def _body_limit(size: int) -> dict[str, Any]:
    limit = f"{_HTTP}.http.body_size_limit.v3.BodySizeLimit"
    return {
        "name": "envoy.filters.http.body_size_limit",
        "typed_config": {"@type": limit, "max_request_bytes": size},
    }


def _statistics(places: Places) -> dict[str, Any]:
    """Return the listener for the operator and Prometheus: exact paths, by GET alone."""
    reading = {"name": ":method", "string_match": {"exact": "GET"}}
    routes = [
        {"match": {"path": path, "headers": [reading]}, "route": {"cluster": ADMIN_CLUSTER}}
        for path in SHOWN_PATHS
    ]
    hosts = [{"name": "statistics", "domains": ["*"], "routes": routes}]
    manager = {"route_config": {"name": "statistics", "virtual_hosts": hosts}}
    return _listener(places, "statistics", places.stats_port, manager)


def _listener(
    places: Places,
    name: str,
    port: int,
    manager: Mapping[str, Any],
    filters: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    router = {
        "name": "envoy.filters.http.router",
        # No x-envoy-… headers on answers: callers need not know what routes them.
        "typed_config": {
            "@type": f"{_HTTP}.http.router.v3.Router",
            "suppress_envoy_headers": True,
        },
    }
    connection = {
        "@type": f"{_HTTP}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "http_filters": [*filters, router],
        **manager,
    }
    http = {"name": "envoy.filters.network.http_connection_manager", "typed_config": connection}
    return {
        "@type": f"{_TYPE}.config.listener.v3.Listener",
        "name": name,
        "address": {"socket_address": {"address": places.address, "port_value": port}},
        "filter_chains": [{"filters": [http]}],
    }
