"""What an attack is: a request that must be refused, and its honest twin that must not be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Manifest = Mapping[str, Any]

API = "comal.dev/v1alpha1"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"

# Verb and resource as RBAC has them: "verb plural[.group][/subresource][:name]".
WRITE_RUNS = (
    "get trainingruns.comal.dev",
    "create trainingruns.comal.dev",
    "patch trainingruns.comal.dev",
)
WRITE_DEPLOYMENTS = tuple(right.replace("trainingruns", "modeldeployments") for right in WRITE_RUNS)
WRITE_REGISTRIES = tuple(right.replace("trainingruns", "modelregistries") for right in WRITE_RUNS)
WRITE_VERSIONS = tuple(right.replace("trainingruns", "modelversions") for right in WRITE_RUNS)
JOBS = "create jobs.batch"
PODS = "create pods"
CONFIG_MAPS = "create configmaps"
CLAIMS = "create persistentvolumeclaims"
DEPLOYMENTS = "create deployments.apps"
SERVICES = "create services"
VERSIONS = "get modelversions.comal.dev"
TRAIN = (*WRITE_RUNS, JOBS, PODS, CONFIG_MAPS, CLAIMS)
SERVE = (*WRITE_DEPLOYMENTS, DEPLOYMENTS, PODS, SERVICES, VERSIONS)
STORE = (*WRITE_REGISTRIES, DEPLOYMENTS, PODS, SERVICES, CLAIMS)


@dataclass(frozen=True)
class Request:
    """One call; `{namespace}`, `{neighbour}` and `{user}` in its text are filled in by the test."""

    method: str
    path: str
    body: Manifest
    content: str = "application/json"


@dataclass(frozen=True, kw_only=True)
class Attack:
    """A refusal that must read `says`; its honest twin differs in what is set for it."""

    title: str
    request: Request
    says: str
    held: tuple[str, ...]
    """The rights of the attacker."""
    elsewhere: tuple[str, ...] = ()
    """The attacker's rights in the neighbouring namespace."""
    user: str = "mallory"
    exists: tuple[Request, ...] = ()
    """What the operator or an administrator made before."""
    honest_request: Request | None = None
    honest_rights: tuple[str, ...] = ()
    """What is granted in addition for the honest twin."""
    honest_user: str | None = None
    drops: tuple[str, ...] = field(default=())
    """Where the field stands that a client without validation would see dropped."""


def create(plural: str, body: Manifest, group: str = API) -> Request:
    """Return the request that creates `body`."""
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    return Request("POST", f"{root}/namespaces/{{namespace}}/{plural}", body)


def patch(plural: str, name: str, body: Manifest, group: str = API) -> Request:
    """Return the request that merge-patches `body` into the object; the name may end in /status."""
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    return Request("PATCH", f"{root}/namespaces/{{namespace}}/{plural}/{name}", body, MERGE)


def a_run(*steps: Manifest, metadata: Manifest | None = None, **spec: Any) -> Manifest:
    """Return a TrainingRun named `run`."""
    return {
        "apiVersion": API,
        "kind": "TrainingRun",
        "metadata": {"name": "run", **(metadata or {})},
        "spec": {"steps": list(steps) or [{"name": "train"}], **spec},
    }


def a_step(*env: Manifest, **fields: Any) -> Manifest:
    """Return a step with these variables."""
    return {"name": "train", "env": list(env), **fields}


def secret(name: str, variable: str = "TOKEN") -> Manifest:
    """Return a variable that is read from a Secret."""
    return {"name": variable, "secretKeyRef": {"name": name, "key": "token"}}


def config(name: str, variable: str = "SETTING") -> Manifest:
    """Return a variable that is read from a ConfigMap."""
    return {"name": variable, "configMapKeyRef": {"name": name, "key": "setting"}}


def a_deployment(*env: Manifest, **spec: Any) -> Manifest:
    """Return a ModelDeployment named `diabetes`."""
    predictor = {"predictor": {"env": list(env)}} if env else {}
    return {
        "apiVersion": API,
        "kind": "ModelDeployment",
        "metadata": {"name": "diabetes"},
        "spec": {"model": {"name": "diabetes", "version": "1"}, **predictor, **spec},
    }


def a_registry(**store: Any) -> Manifest:
    """Return the ModelRegistry named `default`."""
    return {
        "apiVersion": API,
        "kind": "ModelRegistry",
        "metadata": {"name": "default"},
        "spec": {"store": store or {"embedded": {"size": "1Gi"}}},
    }


def a_version(**labels: str) -> Manifest:
    """Return the ModelVersion diabetes-v1."""
    return {
        "apiVersion": API,
        "kind": "ModelVersion",
        "metadata": {"name": "diabetes-v1", "labels": {"comal.dev/model": "diabetes", **labels}},
        "spec": {
            "model": "diabetes",
            "version": "1",
            "digest": f"sha256:{'a' * 64}",
            "format": "onnx",
            "contract": "data-matrix",
            "registry": "default",
            "location": "models/diabetes",
            "metrics": {"mse": "3298.8856"},
            "lineage": {"run": {"name": "run", "uid": "0c0c"}},
        },
    }
