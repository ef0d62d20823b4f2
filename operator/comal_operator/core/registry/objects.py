"""The children of an embedded ModelRegistry: one distribution registry over one claim.

Two containers share the claim: `writer` asks for a login, `reader` cannot write and asks for none
(docs/decisions/0003). What is read is verified by digest wherever it is used.
"""

from __future__ import annotations

import json
from typing import Any

from comal_operator.core.children import child_metadata, container_security, pod_security
from comal_operator.core.names import LABEL_MODEL_REGISTRY, child_name, labels, short_hash
from comal_operator.core.plan import Manifest, Settings

WRITER_PORT = 5000
READER_PORT = 5001
_COMPONENT = "registry"
_CONFIG_DIR = "/etc/comal/registry"
_LOGIN_DIR = "/comal/registry"
_STORAGE_DIR = "/var/lib/registry"


def service_name(registry: str) -> str:
    """Return the name of the Service, and of most children, of the registry called so."""
    return f"comal-registry-{registry}"


def login_secret_name(registry: str) -> str:
    """Return the name of the Secret with username, password and htpasswd of the writer."""
    return f"{service_name(registry)}-login"


def writer_url(registry: str) -> str:
    """Return where register Jobs of the same namespace push to."""
    return f"http://{service_name(registry)}:{WRITER_PORT}"


def reader_url(registry: str) -> str:
    """Return where Pods of the same namespace read from."""
    return f"http://{service_name(registry)}:{READER_PORT}"


def registry_labels(registry: Manifest) -> dict[str, str]:
    """Return the labels of every child of `registry`."""
    return labels(_COMPONENT, **{LABEL_MODEL_REGISTRY: registry["metadata"]["name"]})


def _child(registry: Manifest, api_version: str, kind: str, name: str) -> dict[str, Any]:
    metadata = child_metadata(registry, name, registry_labels(registry))
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def service_account(registry: Manifest) -> Manifest:
    """Return an account without rights, whose token nothing mounts."""
    name = service_name(registry["metadata"]["name"])
    child = _child(registry, "v1", "ServiceAccount", name)
    return {**child, "automountServiceAccountToken": False}


def login_secret(registry: Manifest) -> Manifest:
    """Return the Secret without its data: the shell makes that up when it creates it."""
    name = login_secret_name(registry["metadata"]["name"])
    return {**_child(registry, "v1", "Secret", name), "type": "Opaque"}


def claim(registry: Manifest) -> Manifest:
    """Return the claim that the models lie on."""
    store = registry["spec"]["store"]["embedded"]
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": store["size"]}},
    }
    if "storageClassName" in store:
        spec["storageClassName"] = store["storageClassName"]
    name = service_name(registry["metadata"]["name"])
    return {**_child(registry, "v1", "PersistentVolumeClaim", name), "spec": spec}


def config_map(registry: Manifest) -> Manifest:
    """Return the two configurations of the distribution registry."""
    htpasswd = {"realm": "comal", "path": f"{_LOGIN_DIR}/htpasswd"}
    data = {
        "writer.yml": _config(WRITER_PORT, read_only=False, auth={"htpasswd": htpasswd}),
        "reader.yml": _config(READER_PORT, read_only=True, auth={}),
    }
    name = child_name(registry["metadata"]["name"], "registry", short_hash(data))
    return {**_child(registry, "v1", "ConfigMap", name), "data": data}


def _config(port: int, *, read_only: bool, auth: dict[str, Any]) -> str:
    storage = {
        "filesystem": {"rootdirectory": _STORAGE_DIR},
        "delete": {"enabled": False},
        "maintenance": {
            # All four or the registry panics at its start.
            "uploadpurging": {
                "enabled": not read_only,
                "age": "24h",
                "interval": "1h",
                "dryrun": False,
            },
            "readonly": {"enabled": read_only},
        },
    }
    config = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": storage,
        # The client may reach us by another name than ours.
        "http": {"addr": f":{port}", "relativeurls": True},
        **({"auth": auth} if auth else {}),
    }
    # JSON is YAML, and sorted it is the same text every time.
    return json.dumps(config, indent=1, sort_keys=True)


def deployment(registry: Manifest, settings: Settings) -> Manifest:
    """Return the registry itself; Recreate, since a ReadWriteOnce claim has one node."""
    name = service_name(registry["metadata"]["name"])
    marks = registry_labels(registry)
    pod = {
        "serviceAccountName": name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "containers": [
            _container("writer", WRITER_PORT, settings, login=True),
            _container("reader", READER_PORT, settings, login=False),
        ],
        "volumes": [
            {"name": "models", "persistentVolumeClaim": {"claimName": name}},
            {"name": "config", "configMap": {"name": config_map(registry)["metadata"]["name"]}},
            {
                "name": "login",
                "secret": {
                    "secretName": login_secret_name(registry["metadata"]["name"]),
                    "items": [{"key": "htpasswd", "path": "htpasswd"}],
                },
            },
        ],
    }
    spec = {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": marks},
        "template": {"metadata": {"labels": marks}, "spec": pod},
    }
    return {**_child(registry, "apps/v1", "Deployment", name), "spec": spec}


def _container(name: str, port: int, settings: Settings, *, login: bool) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = [
        {"name": "models", "mountPath": _STORAGE_DIR},
        {"name": "config", "mountPath": _CONFIG_DIR, "readOnly": True},
    ]
    if login:
        mounts.append({"name": "login", "mountPath": _LOGIN_DIR, "readOnly": True})
    else:
        mounts[0]["readOnly"] = True
    return {
        "name": name,
        "image": settings.registry_image,
        "args": ["serve", f"{_CONFIG_DIR}/{name}.yml"],
        "ports": [{"name": name, "containerPort": port}],
        "readinessProbe": {"httpGet": {"path": "/", "port": port}, "periodSeconds": 2},
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"memory": "256Mi"},
        },
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }


def service(registry: Manifest) -> Manifest:
    """Return the Service in front of both ports."""
    name = service_name(registry["metadata"]["name"])
    ports = [
        {"name": "write", "port": WRITER_PORT, "targetPort": WRITER_PORT},
        {"name": "read", "port": READER_PORT, "targetPort": READER_PORT},
    ]
    spec = {"selector": registry_labels(registry), "ports": ports}
    return {**_child(registry, "v1", "Service", name), "spec": spec}


def network_policy(registry: Manifest) -> Manifest:
    """Return who may talk to the registry: register Jobs write, our Pods read; it calls nobody."""
    name = service_name(registry["metadata"]["name"])
    ours = {"app.kubernetes.io/part-of": "comal"}
    spec = {
        "podSelector": {"matchLabels": registry_labels(registry)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {
                "from": [{"podSelector": {"matchLabels": ours}}],
                "ports": [{"port": WRITER_PORT}, {"port": READER_PORT}],
            }
        ],
        "egress": [],
    }
    return {**_child(registry, "networking.k8s.io/v1", "NetworkPolicy", name), "spec": spec}


def children(registry: Manifest, settings: Settings) -> tuple[Manifest, ...]:
    """Return all that is applied for `registry`, in an order in which nothing waits for nothing."""
    return (
        service_account(registry),
        claim(registry),
        config_map(registry),
        network_policy(registry),
        deployment(registry, settings),
        service(registry),
    )
