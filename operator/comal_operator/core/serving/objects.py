"""The children of an endpoint and of its revisions, but for the routers."""

from __future__ import annotations

from typing import Any

from comal_operator.api.model_deployment import ModelDeploymentSpec
from comal_operator.core.children import child_metadata
from comal_operator.core.names import short_hash
from comal_operator.core.plan import Manifest
from comal_operator.core.serving.attached import ATTACHED_ANNOTATION
from comal_operator.core.serving.labels import (
    ENDPOINT,
    ROUTER,
    component_selector,
    revision_labels,
    revision_selector,
    serving_labels,
)
from comal_operator.core.serving.pods import SCORING_PORT, service_account_name
from comal_operator.core.serving.revision import Snapshot, child_of_revision

ENDPOINT_PORT = 80
TLS_PORT = 443


def service_account(mdep: Manifest) -> Manifest:
    """Return the account of all Pods of the endpoint: without rights, its token not mounted."""
    name = service_account_name(mdep)
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": child_metadata(mdep, name, serving_labels(mdep, ENDPOINT)),
        "automountServiceAccountToken": False,
    }


def endpoint_service(mdep: Manifest, spec: ModelDeploymentSpec) -> Manifest:
    """Return the one Service that callers know: its Pods are the routers, whatever serves."""
    name = mdep["metadata"]["name"]
    scheme, port = ("http", ENDPOINT_PORT) if spec.access.tls is None else ("https", TLS_PORT)
    ports = [{"name": scheme, "port": port, "targetPort": SCORING_PORT}]
    wanted = spec.traffic.attach.service
    metadata = child_metadata(mdep, name, serving_labels(mdep, ENDPOINT))
    # Otherwise nodes put their own address in the place of the caller's.
    is_judged = bool(spec.access.ip_allow) and wanted.type != "ClusterIP"
    policy = {"externalTrafficPolicy": "Local"} if is_judged else {}
    # The hash makes that what is taken back is seen to be there.
    metadata["annotations"] = {
        **wanted.annotations,
        ATTACHED_ANNOTATION: short_hash({**wanted.to_wire(), **policy}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "type": wanted.type,
            **policy,
            "selector": component_selector(mdep, ROUTER),
            "ports": ports,
        },
    }


def url(mdep: Manifest, spec: ModelDeploymentSpec) -> str:
    """Return where callers POST their requests."""
    meta = mdep["metadata"]
    scheme = "http" if spec.access.tls is None else "https"
    return f"{scheme}://{meta['name']}.{meta['namespace']}.svc/score"


def revision_service(mdep: Manifest, revision: str) -> Manifest:
    """Return a revision's Service: its EndpointSlices tell the routers' endpoints, and its address
    is the routers' last resort.
    """
    name = child_of_revision(mdep, revision)
    ports = [{"name": "http", "port": SCORING_PORT, "targetPort": SCORING_PORT}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(mdep, name, revision_labels(mdep, revision)),
        "spec": {"selector": revision_selector(mdep, revision), "ports": ports},
    }


def revision_deployment(mdep: Manifest, snapshot: Snapshot) -> Manifest:
    """Return a revision's Deployment, made from its snapshot alone; who scales it adds replicas."""
    name = child_of_revision(mdep, snapshot.revision)
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    spec: dict[str, Any] = {
        "selector": {"matchLabels": revision_selector(mdep, snapshot.revision)},
        "strategy": rolling,
        # Nobody rolls this Deployment back: another revision is another Deployment.
        "revisionHistoryLimit": 1,
        "template": snapshot.template,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": child_metadata(mdep, name, revision_labels(mdep, snapshot.revision)),
        "spec": spec,
    }
