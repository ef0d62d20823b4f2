"""Ways in from outside: an HTTPRoute or an Ingress to the routers' Service, whatever serves."""

from __future__ import annotations

from typing import Any

from comal_operator.api.attach import Attach
from comal_operator.core.children import child_metadata
from comal_operator.core.plan import Manifest
from comal_operator.core.serving.labels import ENDPOINT, serving_labels

WAYS_IN = ("HTTPRoute", "Ingress")
# On the Service.
ATTACHED_ANNOTATION = "comal.dev/attached"
_PORT = 80


def service_path(mdep: Manifest) -> str:
    """Return the path under which Azure ML's router has the endpoint."""
    return f"/api/v1/service/{mdep['metadata']['name']}/"


def http_route(mdep: Manifest, attach: Attach) -> Manifest | None:
    """Return the HTTPRoute; None where no Gateway is named."""
    if not attach.parent_refs:
        return None
    name = mdep["metadata"]["name"]
    paths = ["/"] if attach.hostnames else [service_path(mdep)]
    matches = [{"path": {"type": "PathPrefix", "value": path}} for path in paths]
    spec: dict[str, Any] = {
        "parentRefs": [one.to_wire() for one in attach.parent_refs],
        "rules": [{"matches": matches, "backendRefs": [{"name": name, "port": _PORT}]}],
    }
    if attach.hostnames:
        spec["hostnames"] = list(attach.hostnames)
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": child_metadata(mdep, name, serving_labels(mdep, ENDPOINT)),
        "spec": spec,
    }


def ingress(mdep: Manifest, attach: Attach) -> Manifest | None:
    """Return the Ingress; None where none is wanted."""
    wanted = attach.ingress
    if wanted is None:
        return None
    name = mdep["metadata"]["name"]
    backend = {"service": {"name": name, "port": {"number": _PORT}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    spec: dict[str, Any] = {"rules": [{"host": wanted.host, "http": {"paths": [path]}}]}
    if wanted.class_name:
        spec["ingressClassName"] = wanted.class_name
    if wanted.tls_secret_name:
        spec["tls"] = [{"hosts": [wanted.host], "secretName": wanted.tls_secret_name}]
    metadata = child_metadata(mdep, name, serving_labels(mdep, ENDPOINT))
    if wanted.annotations:
        metadata["annotations"] = dict(wanted.annotations)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata,
        "spec": spec,
    }


def ways_in(mdep: Manifest, attach: Attach) -> list[Manifest]:
    """Return all of them."""
    return [one for one in (http_route(mdep, attach), ingress(mdep, attach)) if one is not None]
