"""The children of an endpoint and of its revisions, but for the routers."""

from __future__ import annotations

from typing import Any

from comal_operator.core.children import child_metadata
from comal_operator.core.plan import Manifest
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


def service_account(mdep: Manifest) -> Manifest:
    """Return the account of all Pods of the endpoint: without rights, its token not mounted."""
    name = service_account_name(mdep)
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": child_metadata(mdep, name, serving_labels(mdep, ENDPOINT)),
        "automountServiceAccountToken": False,
    }


def endpoint_service(mdep: Manifest) -> Manifest:
    """Return the one Service that callers know: its Pods are the routers, whatever serves."""
    name = mdep["metadata"]["name"]
    ports = [{"name": "http", "port": ENDPOINT_PORT, "targetPort": SCORING_PORT}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(mdep, name, serving_labels(mdep, ENDPOINT)),
        "spec": {"selector": component_selector(mdep, ROUTER), "ports": ports},
    }


def url(mdep: Manifest) -> str:
    """Return where callers POST their requests."""
    meta = mdep["metadata"]
    return f"http://{meta['name']}.{meta['namespace']}.svc/score"


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


def revision_deployment(mdep: Manifest, snapshot: Snapshot, replicas: int) -> Manifest:
    """Return a revision's Deployment, made from its snapshot alone."""
    name = child_of_revision(mdep, snapshot.revision)
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    spec: dict[str, Any] = {
        "replicas": replicas,
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
