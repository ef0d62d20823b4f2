"""What the router listens on: one port that scores, one that shows numbers and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comal_operator.core.serving.acknowledgement import (
    SCORING_CLUSTER,
    SCORING_ROUTES,
    STATS_PORT,
)

ADMIN_CLUSTER = "admin"
SCORING_PORT = 8080
# A caller is told to connect anew this often, so that it has left before a router stops and its
# load follows when routers come.
CALLER_CONNECTION_SECONDS = 10
SHOWN_PATHS = ("/stats", "/stats/prometheus", "/clusters", "/ready")
# As large as the largest request that the scorer takes: only what is kept can be sent again.
_REPEATABLE_BODY = 4 * 1024 * 1024
# Enough for two Pods of the candidate and two of the stable revision that die together; after
# that the next priority is tried.
_TRIES_PER_PRIORITY = 4
_RETRIES = 8

_TYPE = "type.googleapis.com/envoy"
_HTTP = f"{_TYPE}.extensions.filters"


@dataclass(frozen=True)
class Places:
    """Where a router finds its files and listens; the defaults are those in its Pod."""

    folder: str = "/etc/comal/router"
    admin_socket: str = "/tmp/envoy-admin.sock"  # noqa: S108 - the Pod's own, nobody else's
    address: str = "0.0.0.0"  # noqa: S104 - the Pod's
    scoring_port: int = SCORING_PORT
    stats_port: int = STATS_PORT


def watched(places: Places, file: str) -> dict[str, Any]:
    """Return a source that follows the kubelet's swap of the mounted folder."""
    source = {"path": f"{places.folder}/{file}", "watched_directory": {"path": places.folder}}
    return {"path_config_source": source, "resource_api_version": "V3"}


def listeners(places: Places) -> Sequence[Mapping[str, Any]]:
    """Return the listeners' resources."""
    return [_scoring(places), _statistics(places)]


def _scoring(places: Places) -> dict[str, Any]:
    manager = {
        "rds": {
            "route_config_name": SCORING_ROUTES,
            "config_source": watched(places, "routes.json"),
        },
        # Headers with which a caller could steer the router are taken from nobody.
        "use_remote_address": True,
        "internal_address_config": {},
        "normalize_path": True,
        "merge_slashes": True,
        "generate_request_id": True,
        "preserve_external_request_id": True,
        "request_headers_timeout": "10s",
        "stream_idle_timeout": "300s",
        "common_http_protocol_options": {
            "idle_timeout": "300s",
            "max_connection_duration": f"{CALLER_CONNECTION_SECONDS}s",
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        # Told with an answer, never by closing under a request that is on its way.
        "http1_safe_max_connection_duration": True,
    }
    return _listener(places, SCORING_ROUTES, places.scoring_port, manager)


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


def _listener(places: Places, name: str, port: int, manager: Mapping[str, Any]) -> dict[str, Any]:
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
        "http_filters": [router],
        **manager,
    }
    http = {"name": "envoy.filters.network.http_connection_manager", "typed_config": connection}
    return {
        "@type": f"{_TYPE}.config.listener.v3.Listener",
        "name": name,
        "address": {"socket_address": {"address": places.address, "port_value": port}},
        "filter_chains": [{"filters": [http]}],
    }


def route_configuration(endpoint: str, timeout_seconds: float) -> dict[str, Any]:
    """Return the routes' one resource."""
    route = {
        "cluster": SCORING_CLUSTER,
        "timeout": f"{timeout_seconds:g}s",
        "retry_policy": _retry_policy(),
    }
    host = {
        "name": endpoint,
        "domains": ["*"],
        "request_body_buffer_limit": _REPEATABLE_BODY,
        "routes": [{"match": {"prefix": "/"}, "route": route}],
    }
    return {
        "@type": f"{_TYPE}.config.route.v3.RouteConfiguration",
        "name": SCORING_ROUTES,
        "virtual_hosts": [host],
    }


def _retry_policy() -> dict[str, Any]:
    """Return what is tried again: requests that nobody answered.

    Never an answer with 5xx. Repeating those would hide a failing revision's errors by doubling its
    work, and 503 is how a scorer says that it has too much.
    """
    previous = f"{_TYPE}.extensions.retry"
    return {
        "retry_on": "connect-failure,refused-stream,reset",
        "num_retries": _RETRIES,
        "retry_back_off": {"base_interval": "0.002s", "max_interval": "0.02s"},
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": f"{previous}.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        "host_selection_retry_max_attempts": 5,
        # All of a priority may have died at once, before Envoy has found out.
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": {
                "@type": f"{previous}.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                "update_frequency": _TRIES_PER_PRIORITY,
            },
        },
    }
