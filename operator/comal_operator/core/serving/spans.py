"""Where spans go: to a collector that is there, or to a Pod of ours that knows Azure Monitor.

Envoy speaks OTLP and nothing of Azure's, and no scoring Pod is given a connection string, so one
Pod takes what all of the endpoint send and passes it on (docs/decisions/0044).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from comal_operator.api.telemetry import AzureMonitor, Telemetry
from comal_operator.core.children import child_metadata, container_security, pod_security
from comal_operator.core.names import child_name, short_hash
from comal_operator.core.network_rules import DNS, IN_CLUSTER, OUTSIDE
from comal_operator.core.plan import Manifest
from comal_operator.core.registry.caller import AUTHORITIES, CA_DIR, authorities, way_out
from comal_operator.core.serving.labels import (
    ROUTER,
    SCORER,
    SPANS,
    component_selector,
    serving_labels,
)
from comal_trainer.contract.spans import (
    CONNECTION_DIR,
    CONNECTION_FILE,
    READY_PATH,
    SPANS_PORT,
    Insights,
    relay_arguments,
)

_CONNECTION: Final = "connection"


@dataclass(frozen=True)
class Destination:
    """What routers and scoring Pods are told."""

    endpoint: str
    """http://, a host and a port."""
    sample: str

    @property
    def host(self) -> str:
        """The host of the endpoint."""
        return self.endpoint.removeprefix("http://").rpartition(":")[0]

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.endpoint.rpartition(":")[2])


def destination_of(mdep: Manifest, telemetry: Telemetry | None) -> Destination | None:
    """Return where spans go; None where none are made."""
    if telemetry is None:
        return None
    if telemetry.otlp is not None:
        return Destination(telemetry.otlp.endpoint, telemetry.sample)
    if telemetry.azure_monitor is not None:
        host = f"{relay_name(mdep)}.{mdep['metadata']['namespace']}.svc"
        return Destination(f"http://{host}:{SPANS_PORT}", telemetry.sample)
    return None


def relay_name(mdep: Manifest) -> str:
    """Return the name of the Pod's Deployment and Service, which no other endpoint has."""
    name = mdep["metadata"]["name"]
    return child_name(name, SPANS, short_hash(name))


def relay_children(
    mdep: Manifest, to: AzureMonitor, account: str, image: str
) -> tuple[Manifest, ...]:
    """Return all of it; no Deployment where there is no image for one."""
    runs = (_deployment(mdep, _insights(mdep, to, account), image),) if image else ()
    return _policy(mdep, to), _service(mdep), *runs


def _insights(mdep: Manifest, to: AzureMonitor, account: str) -> Insights:
    return Insights(
        subject=f"system:serviceaccount:{mdep['metadata']['namespace']}:{account}",
        secret=to.connection_string.name,
        key=to.connection_string.key,
        proxy=to.proxy.url if to.proxy else "",
        no_proxy=",".join(to.proxy.no_proxy) if to.proxy else "",
        ca_bundle=f"{to.ca_bundle.config_map}/{to.ca_bundle.key}" if to.ca_bundle else "",
    )


def _deployment(mdep: Manifest, insights: Insights, image: str) -> Manifest:
    # Optional: the Pod then says what is missing, where it would hang.
    secret = {
        "secretName": insights.secret,
        "items": [{"key": insights.key, "path": CONNECTION_FILE}],
        "optional": True,
        "defaultMode": 0o440,
    }
    volumes: list[dict[str, Any]] = [
        # What it has told outlives its container.
        {"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}},
        {"name": _CONNECTION, "secret": secret},
    ]
    mounts: list[dict[str, Any]] = [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the container's own
        {"name": _CONNECTION, "mountPath": CONNECTION_DIR, "readOnly": True},
    ]
    if insights.ca_bundle:
        volumes.append(authorities(insights.ca_bundle))
        mounts.append({"name": AUTHORITIES, "mountPath": CA_DIR, "readOnly": True})
    container = {
        "name": "relay",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(relay_arguments(insights)),
        "env": [{"name": "HOME", "value": "/tmp"}, *way_out(insights)],  # noqa: S108 - as above
        "ports": [{"name": "otlp", "containerPort": SPANS_PORT}],
        "readinessProbe": {
            "httpGet": {"path": READY_PATH, "port": SPANS_PORT},
            "periodSeconds": 2,
            "timeoutSeconds": 5,
        },
        "resources": {"requests": {"cpu": "20m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }
    pod = {
        "serviceAccountName": insights.subject.rpartition(":")[2],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "containers": [container],
        "volumes": volumes,
    }
    marks = serving_labels(mdep, SPANS)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": child_metadata(mdep, relay_name(mdep), marks),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": component_selector(mdep, SPANS)},
            "template": {"metadata": {"labels": marks}, "spec": pod},
        },
    }


def _service(mdep: Manifest) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(mdep, relay_name(mdep), serving_labels(mdep, SPANS)),
        "spec": {
            "selector": component_selector(mdep, SPANS),
            "ports": [{"name": "otlp", "port": SPANS_PORT, "targetPort": SPANS_PORT}],
            # Whether a refused string is taken again shows only when spans come.
            "publishNotReadyAddresses": True,
        },
    }


def _policy(mdep: Manifest, to: AzureMonitor) -> Manifest:
    """Routers and scoring Pods of the endpoint send; Azure is called, or the proxy to it."""
    senders = [
        {"podSelector": {"matchLabels": component_selector(mdep, one)}} for one in (ROUTER, SCORER)
    ]
    marks = serving_labels(mdep, SPANS)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": child_metadata(mdep, child_name(mdep["metadata"]["name"], SPANS), marks),
        "spec": {
            "podSelector": {"matchLabels": component_selector(mdep, SPANS)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": senders, "ports": [{"protocol": "TCP", "port": SPANS_PORT}]}],
            # The proxy may be a Pod.
            "egress": [DNS, OUTSIDE, *([IN_CLUSTER] if to.proxy else [])],
        },
    }
