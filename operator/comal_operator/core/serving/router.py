"""The routers: two Envoys that follow the files in one Secret."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from comal_operator.api.model_deployment import ModelDeploymentSpec
from comal_operator.core.children import child_metadata, container_security, pod_security
from comal_operator.core.conditions import parse_timestamp, timestamp
from comal_operator.core.durations import parse_duration
from comal_operator.core.names import child_name, short_hash
from comal_operator.core.plan import Manifest, Settings
from comal_operator.core.serving.acknowledgement import STATS_PORT, traffic_text
from comal_operator.core.serving.disruption import one_at_a_time
from comal_operator.core.serving.endpoints import Routing
from comal_operator.core.serving.envoy import BOOTSTRAP, RouterConfig, router_config
from comal_operator.core.serving.key_rate import ROUTERS
from comal_operator.core.serving.labels import ROUTER, component_selector, serving_labels
from comal_operator.core.serving.listeners import (
    CALLER_CONNECTION_SECONDS,
    SCORING_PORT,
    Places,
)
from comal_operator.core.serving.pods import service_account_name, spread
from comal_operator.core.serving.router_secrets import (
    KEYS_ANNOTATION,
    mounted,
)

PLACES = Places()
# On the Deployment: what was last written into the Secret, which we cannot read. On a Pod: what it
# was told to look at, since a kubelet reads a changed Secret when the Pod that mounts it changes.
CONFIG_ANNOTATION = "comal.dev/router-config"
TRAFFIC_ANNOTATION = "comal.dev/router-traffic"
_BOOTSTRAP_ANNOTATION = "comal.dev/router-bootstrap"
# Callers have been told to connect anew by then, and new ones come to other routers.
_LEAVE_SECONDS = CALLER_CONNECTION_SECONDS + 5


def config_of(routing: Routing) -> RouterConfig:
    """Return the files as a router in a Pod needs them."""
    return router_config(routing, PLACES)


def router_name(mdep: Manifest) -> str:
    """Return the name of the routers' Deployment."""
    return child_name(mdep["metadata"]["name"], ROUTER)


def secret_name(mdep: Manifest) -> str:
    """Return the name of the routers' Secret.

    We may not look whose a Secret is, so its name is one that nobody else has: our uid is in it.
    """
    return child_name(mdep["metadata"]["name"], ROUTER, short_hash(mdep["metadata"]["uid"]))


def router_secret(mdep: Manifest, config: RouterConfig) -> Manifest:
    """Return the Secret with every file of the routers."""
    data = {
        name: base64.b64encode(text.encode()).decode()
        for name, text in sorted(config.files.items())
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": child_metadata(mdep, secret_name(mdep), serving_labels(mdep, ROUTER)),
        "type": "Opaque",
        "data": data,
    }


def router_deployment(
    mdep: Manifest,
    spec: ModelDeploymentSpec,
    routing: Routing,
    config: RouterConfig,
    settings: Settings,
    *,
    keys: str,
) -> Manifest:
    """Return the routers; its own metadata says what was written that we do not see."""
    metadata = child_metadata(mdep, router_name(mdep), serving_labels(mdep, ROUTER))
    metadata["annotations"] = {
        CONFIG_ANNOTATION: config.version,
        TRAFFIC_ANNOTATION: traffic_text(routing.traffic, config.version),
        KEYS_ANNOTATION: keys,
    }
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    template = {
        "metadata": {
            "labels": serving_labels(mdep, ROUTER),
            # Envoy reads this one file when it starts and never again.
            "annotations": {_BOOTSTRAP_ANNOTATION: config.bootstrap},
        },
        "spec": _pod(mdep, spec, settings),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": ROUTERS,
            "selector": {"matchLabels": component_selector(mdep, ROUTER)},
            "strategy": rolling,
            "revisionHistoryLimit": 1,
            "template": template,
        },
    }


def leave_seconds(spec: ModelDeploymentSpec) -> int:
    """Return how long a router that shall stop goes on: until its callers and their longest
    request have left.
    """
    longest = parse_duration(spec.limits.timeout).total_seconds()
    return _LEAVE_SECONDS + min(120, int(longest) + 1)


def _pod(mdep: Manifest, spec: ModelDeploymentSpec, settings: Settings) -> dict[str, Any]:
    leave = leave_seconds(spec)
    secrets = mounted(mdep, spec.access, PLACES)
    volumes = [
        {"name": "config", "secret": {"secretName": secret_name(mdep), "defaultMode": 0o440}},
        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
        *(volume for volume, _ in secrets),
    ]
    mounts = [
        {"name": volume["name"], "mountPath": folder, "readOnly": True}
        for volume, folder in secrets
    ]
    return {
        "serviceAccountName": service_account_name(mdep),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "terminationGracePeriodSeconds": leave + 5,
        "topologySpreadConstraints": spread(component_selector(mdep, ROUTER)),
        "containers": [_envoy(settings, leave, mounts)],
        "volumes": volumes,
    }


def _envoy(settings: Settings, leave: int, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": "envoy",
        "image": settings.router_image,
        "args": [
            *("-c", f"{PLACES.folder}/{BOOTSTRAP}"),
            *("--concurrency", "2"),
            "--disable-hot-restart",
            *("--log-level", "warning"),
        ],
        "ports": [
            {"name": "http", "containerPort": SCORING_PORT},
            {"name": "stats", "containerPort": STATS_PORT},
        ],
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": STATS_PORT},
            "periodSeconds": 2,
            "timeoutSeconds": 2,
            "failureThreshold": 2,
        },
        "lifecycle": {"preStop": {"sleep": {"seconds": leave}}},
        "resources": {
            "requests": {"cpu": "50m", "memory": "96Mi"},
            "limits": {"memory": "512Mi"},
        },
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "config", "mountPath": PLACES.folder, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the Pod's own
            *mounts,
        ],
    }


def disruption_budget(mdep: Manifest) -> Manifest:
    """Return the rule that a drained node takes one router at a time."""
    metadata = child_metadata(mdep, router_name(mdep), serving_labels(mdep, ROUTER))
    return one_at_a_time(metadata, component_selector(mdep, ROUTER))


def touch(pod: Manifest, version: str, now: datetime) -> Manifest:
    """Return the change of a router's Pod that makes its kubelet read the Secret at once."""
    meta = pod["metadata"]
    told = {CONFIG_ANNOTATION: f"{version} {timestamp(now)}"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "annotations": told},
    }


def touched(pod: Manifest) -> tuple[str, datetime | None]:
    """Return which configuration a router's Pod was told to look at, and when."""
    text = (pod["metadata"].get("annotations") or {}).get(CONFIG_ANNOTATION, "")
    version, _, moment = text.partition(" ")
    return version, parse_timestamp(moment) if moment else None
