"""The router's configuration: Envoy's files as text, each with its version.

One cluster for the endpoint, one locality per revision, locality weights = shares: Envoy picks by
an earliest-deadline schedule, so the split is exact and does not depend on Pod counts. Endpoints
are a file of their own, since replacing the cluster would drop connections and zero its counters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comal_operator.core.names import short_hash
from comal_operator.core.serving.acknowledgement import (
    MIRROR_CLUSTER,
    SCORING_CLUSTER,
    traffic_text,
)
from comal_operator.core.serving.endpoints import (
    Routing,
    load_assignment,
    mirror_assignment,
)
from comal_operator.core.serving.listeners import (
    ADMIN_CLUSTER,
    Places,
    listeners,
    watched,
)
from comal_operator.core.serving.repeats import marked_answers
from comal_operator.core.serving.routes import route_configuration
from comal_operator.core.serving.tracing import collector_cluster
from comal_operator.core.serving.transport import TLS_FILE, certificate

BOOTSTRAP = "bootstrap.json"
MIRROR_FILE = "mirror.json"
FILES = ("listeners.json", "routes.json", "clusters.json", "endpoints.json", MIRROR_FILE, TLS_FILE)
_TYPE = "type.googleapis.com/envoy"
# Overload is the scorer's business, which answers 503 at once. Above all three retries at a time,
# Envoy's default, turn a dead revision into failed calls.
_NO_LIMIT = 1_000_000
_MAX_CALLERS = 50_000


@dataclass(frozen=True)
class RouterConfig:
    """The files of one router and what they are called once acknowledged."""

    files: Mapping[str, str]
    """Text by file name."""
    version: str
    """Hash of all files but the bootstrap: what the routers have to follow."""
    versions: Mapping[str, str]
    """What a router says of each of its sources once it runs these."""
    bootstrap: str
    """Hash of what Envoy reads only when it starts."""


def router_config(routing: Routing, places: Places) -> RouterConfig:
    """Return the files for `routing`; equal values give equal files."""
    bodies: dict[str, Sequence[Mapping[str, Any]]] = {
        "listeners.json": listeners(places, routing),
        "routes.json": [route_configuration(routing)],
        "clusters.json": [
            _scoring_cluster(places),
            _mirror_cluster(places),
            _admin_cluster(places),
            *([collector_cluster(routing.traces)] if routing.traces else []),
        ],
        # One cluster a file: Envoy takes no other.
        "endpoints.json": [load_assignment(routing)],
        MIRROR_FILE: [mirror_assignment(routing)],
        TLS_FILE: [certificate(places.tls_folder)],
    }
    versions = {name: short_hash(body) for name, body in bodies.items()}
    # A router's answer shows the shares it runs, not only whether they are the newest.
    # Routes name revisions too, so what both say alike is what it runs.
    for name in ("endpoints.json", "routes.json"):
        suspended = name == "routes.json" and routing.handling.suspended
        versions[name] = traffic_text(routing.traffic, versions[name], suspended=suspended)
    files = {
        name: _text({"version_info": versions[name], "resources": body})
        for name, body in bodies.items()
    }
    bootstrap = _text(_bootstrap(places))
    return RouterConfig(
        files={BOOTSTRAP: bootstrap, **files},
        version=short_hash(versions),
        # Of the certificate's file Envoy shows no version; there is nothing in it that changes.
        versions={
            name.removesuffix(".json"): version
            for name, version in versions.items()
            if name != TLS_FILE
        },
        bootstrap=short_hash(bootstrap),
    )


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _bootstrap(places: Places) -> dict[str, Any]:
    connections = {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {
            "@type": f"{_TYPE}.extensions.resource_monitors.downstream_connections.v3"
            ".DownstreamConnectionsConfig",
            "max_active_downstream_connections": _MAX_CALLERS,
        },
    }
    return {
        # Without a zone of its own Envoy keeps no counters by locality, that is by revision.
        "node": {
            "id": "router",
            "cluster": "comal",
            "locality": {"zone": "router"},
            # Routers of an older operator, whose folder lacks files, are replaced.
            "metadata": {"files": sorted(FILES)},
        },
        # A socket in the Pod's own /tmp: whoever reaches it may stop the router.
        "admin": {"address": {"pipe": {"path": places.admin_socket, "mode": 0o600}}},
        "dynamic_resources": {
            "lds_config": watched(places, "listeners.json"),
            "cds_config": watched(places, "clusters.json"),
        },
        "overload_manager": {"resource_monitors": [connections]},
    }


def _scoring_cluster(places: Places) -> dict[str, Any]:
    everything = dict.fromkeys(
        ("max_connections", "max_pending_requests", "max_requests", "max_retries"), _NO_LIMIT
    )
    return {
        "@type": f"{_TYPE}.config.cluster.v3.Cluster",
        "name": SCORING_CLUSTER,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": watched(places, "endpoints.json")},
        # A lost node answers nothing at all, and the caller's time pays for each try.
        "connect_timeout": "0.5s",
        "lb_policy": "ROUND_ROBIN",
        "common_lb_config": {
            # In panic Envoy would ask dead Pods rather than the next priority or a rule's next
            # choice. The last resort is never found unhealthy, so nobody is refused for that.
            "healthy_panic_threshold": {"value": 0},
            "locality_weighted_lb_config": {},
            # By default Envoy tells its threads of a death up to a second later.
            "update_merge_window": "0s",
        },
        # For requests that name a revision, or that a rule gives to one.
        "lb_subset_config": {
            "fallback_policy": "ANY_ENDPOINT",
            "subset_selectors": [{"keys": ["revision"], "fallback_policy": "NO_FALLBACK"}],
            "locality_weight_aware": True,
            "metadata_fallback_policy": "FALLBACK_LIST",
        },
        "typed_extension_protocol_options": marked_answers(),
        # Weight 0 means none: by default Envoy keeps removed endpoints while they are healthy.
        "ignore_health_on_host_removal": True,
        "circuit_breakers": {"thresholds": [everything]},
        "health_checks": [_health_check()],
        "outlier_detection": _outlier_detection(),
    }


def _mirror_cluster(places: Places) -> dict[str, Any]:
    """Return where copies go: counted by revision like all requests, and hurting nobody.

    Without checks of its own: a copy that nobody answers costs nothing.
    """
    return {
        "@type": f"{_TYPE}.config.cluster.v3.Cluster",
        "name": MIRROR_CLUSTER,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": watched(places, MIRROR_FILE)},
        "connect_timeout": "0.5s",
        "lb_policy": "ROUND_ROBIN",
        "ignore_health_on_host_removal": True,
    }


def _health_check() -> dict[str, Any]:
    return {
        # As patient as the kubelet: a machine that is busy for a second must move no shares. Pods
        # that are dead are found by the first requests that nobody answers.
        "timeout": "3s",
        "interval": "1s",
        # 60 s by default: without traffic dead Pods would pass for healthy.
        "no_traffic_interval": "1s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        "http_health_check": {"path": "/readyz", "host": "comal-router"},
    }


def _outlier_detection() -> dict[str, Any]:
    """Return the rule that finds a dead Pod between two health checks.

    Answers with 5xx do not count: they are for the rollout to judge, not for the balancer.
    """
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 2,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_local_origin_success_rate": 0,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "interval": "1s",
        # Short: the last resort must not stay out when Pods behind it are back.
        "base_ejection_time": "2s",
        "max_ejection_time": "5s",
        "max_ejection_percent": 100,
    }


def _admin_cluster(places: Places) -> dict[str, Any]:
    pipe = {"endpoint": {"address": {"pipe": {"path": places.admin_socket}}}}
    return {
        "@type": f"{_TYPE}.config.cluster.v3.Cluster",
        "name": ADMIN_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": ADMIN_CLUSTER,
            "endpoints": [{"lb_endpoints": [pipe]}],
        },
    }
