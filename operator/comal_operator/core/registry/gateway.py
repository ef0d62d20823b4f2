"""The children of a ModelRegistry whose models lie elsewhere: the one way there.

It stands where the embedded registry would, at the same two ports: whoever writes or reads models
in the namespace knows of no other registry, holds no login of it, and runs none of its SDKs
(docs/decisions/0042).
"""

from __future__ import annotations

from typing import Any, Final

from comal_operator.api.oci_store import OciStore
from comal_operator.core.children import child_metadata, container_security, pod_security
from comal_operator.core.network_rules import DNS, IN_CLUSTER, OUTSIDE
from comal_operator.core.plan import Manifest, Settings
from comal_operator.core.registry import objects
from comal_operator.core.registry.caller import (
    AUTHORITIES,
    CA_DIR,
    USE,
    account,
    account_name,
    authorities,
    caller_of,
    way_out,
)
from comal_trainer import contract
from comal_trainer.contract.gateway import UPSTREAM_DIR, Upstream, gateway_arguments

REPLICAS: Final = 2
_UPSTREAM: Final = "upstream"
_WRITER: Final = "login"


def upstream_of(registry: Manifest) -> Upstream | None:
    """Return the registry elsewhere; None for an embedded one."""
    said = registry["spec"]["store"].get("oci")
    if said is None:
        return None
    store = OciStore.model_validate(said)
    host, _, path = store.repository.partition("/")
    login = store.credential.login_secret_ref if store.credential else None
    return Upstream(
        host=host,
        path=path,
        login=login.name if login else "",
        **caller_of(registry, store.credential, store.proxy, store.ca_bundle),
    )


def image_of(upstream: Upstream, settings: Settings) -> str:
    """Return the image with what this registry needs; empty where the installation has none."""
    return settings.azure_image if upstream.is_azure else settings.trainer_image


def gateway_children(
    registry: Manifest, upstream: Upstream, settings: Settings
) -> tuple[Manifest, ...]:
    """Return all that is applied for it; no Deployment where there is no image for one."""
    name = registry["metadata"]["name"]
    first = account(registry, upstream) if upstream.is_azure else objects.service_account(registry)
    policy = objects.network_policy(registry)
    rules = [DNS, OUTSIDE]
    if upstream.proxy or not upstream.is_azure:
        # The proxy may be a Pod, and the registry too.
        rules.append(IN_CLUSTER)
    policy = {**policy, "spec": {**policy["spec"], "egress": rules}}
    image = image_of(upstream, settings)
    runs = (_deployment(registry, name, upstream, image),) if image else ()
    return first, policy, *runs, objects.service(registry)


def _deployment(registry: Manifest, name: str, upstream: Upstream, image: str) -> Manifest:
    marks = objects.registry_labels(registry)
    azure = upstream.is_azure
    secret = upstream.login or upstream.secret
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}, _writers_login(name)]
    mounts: list[dict[str, Any]] = [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the container's own
        {"name": _WRITER, "mountPath": contract.CREDENTIALS_DIR, "readOnly": True},
    ]
    if secret:
        # Optional: the gateway then says what is missing, where a Pod would hang.
        source = {"secretName": secret, "optional": True, "defaultMode": 0o440}
        volumes.append({"name": _UPSTREAM, "secret": source})
        mounts.append({"name": _UPSTREAM, "mountPath": UPSTREAM_DIR, "readOnly": True})
    if upstream.ca_bundle:
        volumes.append(authorities(upstream.ca_bundle))
        mounts.append({"name": AUTHORITIES, "mountPath": CA_DIR, "readOnly": True})
    container = {
        "name": "gateway",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(gateway_arguments(upstream)),
        "env": [{"name": "HOME", "value": "/tmp"}, *way_out(upstream)],  # noqa: S108 - as above
        "ports": [
            {"name": "writer", "containerPort": objects.WRITER_PORT},
            {"name": "reader", "containerPort": objects.READER_PORT},
        ],
        "readinessProbe": {
            "httpGet": {"path": "/", "port": objects.READER_PORT},
            "periodSeconds": 2,
            "timeoutSeconds": 5,
        },
        "resources": {"requests": {"cpu": "20m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }
    pod = {
        "serviceAccountName": account_name(name) if azure else objects.service_name(name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "containers": [container],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": marks},
            }
        ],
        "volumes": volumes,
    }
    use = {USE: "true"} if upstream.client_id else {}
    own_name = objects.service_name(name)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": child_metadata(registry, own_name, marks),
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": marks},
            "template": {"metadata": {"labels": {**marks, **use}}, "spec": pod},
        },
    }


def _writers_login(registry: str) -> dict[str, Any]:
    keys = (contract.USERNAME_FILE, contract.PASSWORD_FILE)
    source = {
        "secretName": objects.login_secret_name(registry),
        "defaultMode": 0o440,
        "items": [{"key": key, "path": key} for key in keys],
    }
    return {"name": _WRITER, "secret": source}
