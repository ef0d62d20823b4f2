"""Stands in for the Deployment and EndpointSlice controllers and a kubelet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from comal_operator.core.conditions import find
from comal_scorer.contract import MODEL_VERSION_ENV
from crash.cluster import Body, Cluster, Mirror
from crash.standin.jobs import Script, controlled_by

_NOW = "2026-01-01T00:00:00Z"
_SERVICE_NAME = "kubernetes.io/service-name"


@dataclass
class Templates:
    """Counts the templates that a Deployment has had, as its ReplicaSets would."""

    seen: dict[str, list[Any]] = field(default_factory=dict)

    def number(self, deployment: Mapping[str, Any]) -> int:
        """Return which template it has now, counted from 1."""
        had = self.seen.setdefault(deployment["metadata"]["uid"], [])
        template = deployment["spec"]["template"]
        if template not in had:
            had.append(template)
        return had.index(template) + 1


def address_by_name(pod: Body) -> str:
    """Return an address for a Pod; by its name, so that a run that was killed ends with it too."""
    digest = hashlib.sha256(pod["metadata"]["name"].encode()).digest()
    return f"10.{digest[0]}.{digest[1]}.{digest[2] or 1}"


@dataclass(frozen=True)
class Kubelet:
    """What decides how Pods fare: the script, the time, the templates that there were."""

    script: Script
    clock: Callable[[], datetime]
    templates: Templates = field(default_factory=Templates)
    address: Callable[[Body], str] = address_by_name

    def now(self) -> str:
        """Return the time as the API writes it."""
        return self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")

    def becomes_ready(self, deployment: Mapping[str, Any]) -> bool:
        """Return whether the Pods of the Deployment ever become ready."""
        return not model_versions(deployment) & self.script.never_ready


def model_versions(deployment: Mapping[str, Any]) -> set[str]:
    """Return the version of the model that its Pods serve, if they serve one."""
    containers = deployment["spec"]["template"]["spec"]["containers"]
    variables = [variable for one in containers for variable in one.get("env") or ()]
    return {one["value"] for one in variables if one["name"] == MODEL_VERSION_ENV}


async def sync_deployment(
    cluster: Cluster, mirror: Mirror, deployment: Body, kubelet: Kubelet
) -> None:
    """Bring the Deployment's Pods to what its spec says, and say so in its status."""
    spec, meta = deployment["spec"], deployment["metadata"]
    number = kubelet.templates.number(deployment)
    wanted = {f"{meta['name']}-{number}-{ordinal}" for ordinal in range(spec["replicas"])}
    pods = {
        pod["metadata"]["name"]: pod
        for pod in mirror.all(meta["namespace"], "Pod")
        if _is_controlled_by(pod, meta["uid"])
    }
    for name in sorted(wanted - pods.keys()):
        await cluster.create(_pod(deployment, name, number))
    for name in sorted(wanted & pods.keys()):
        if not _has_started(pods[name]) and _has_secrets(mirror, pods[name]):
            await _start(cluster, pods[name], kubelet, is_ready=kubelet.becomes_ready(deployment))
    ready = {name for name, pod in pods.items() if _is_ready(pod)}
    for name in sorted(pods.keys() - wanted):
        # No old one goes before the new ones answer.
        if f"{meta['name']}-{number}-" in name or wanted <= ready:
            await cluster.delete(pods[name])
    status = _status(deployment, min(len(ready), spec["replicas"]), kubelet.now())
    if status != {key: (deployment.get("status") or {}).get(key) for key in status}:
        await cluster.merge(deployment, {"status": status}, "status")


def _pod(deployment: Body, name: str, number: int) -> Body:
    template, meta = deployment["spec"]["template"], deployment["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": meta["namespace"],
            "labels": {
                **(template["metadata"].get("labels") or {}),
                "pod-template-hash": str(number),
            },
            "annotations": template["metadata"].get("annotations") or {},
            "ownerReferences": [controlled_by(deployment)],
        },
        "spec": template["spec"],
    }


def _has_started(pod: Body) -> bool:
    return bool((pod.get("status") or {}).get("podIP"))


def _has_secrets(mirror: Mirror, pod: Body) -> bool:
    """Return whether all Secrets are there that the Pod mounts: a kubelet waits for them."""
    mounts = [one["secret"] for one in pod["spec"].get("volumes") or () if "secret" in one]
    namespace = pod["metadata"]["namespace"]
    return all(mirror.get("Secret", namespace, one["secretName"]) for one in mounts)


async def _start(cluster: Cluster, pod: Body, kubelet: Kubelet, *, is_ready: bool) -> None:
    containers = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": is_ready,
            "restartCount": 0,
            "state": {"running": {"startedAt": _NOW}},
        }
        for container in pod["spec"]["containers"]
    ]
    address = kubelet.address(pod)
    status = {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": _NOW,
        "conditions": [{"type": "Ready", "status": str(is_ready), "lastTransitionTime": _NOW}],
        "containerStatuses": containers,
    }
    await cluster.merge(pod, {"status": status}, "status")


def _is_ready(pod: Body) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _status(deployment: Mapping[str, Any], ready: int, now: str) -> Body:
    replicas = deployment["spec"]["replicas"]
    available = str(ready >= replicas)
    old = (deployment.get("status") or {}).get("conditions")
    conditions = [
        {
            "type": kind,
            "status": status,
            "reason": "Scripted",
            "message": "",
            **_since(find(old, kind), status, now),
        }
        for kind, status in (("Available", available), ("Progressing", "True"))
    ]
    counts = {"readyReplicas": ready, "availableReplicas": ready} if ready else {}
    if replicas:
        counts |= {"replicas": replicas, "updatedReplicas": replicas}
    generation = deployment["metadata"]["generation"]
    return {"observedGeneration": generation, "conditions": conditions, **_nulls(), **counts}


def _since(old: Mapping[str, Any] | None, status: str, now: str) -> Body:
    same = old is not None and old["status"] == status
    moment = old["lastTransitionTime"] if old is not None and same else now
    return {"lastTransitionTime": moment, "lastUpdateTime": moment}


def _nulls() -> Body:
    return dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"))


async def sync_slices(cluster: Cluster, mirror: Mirror, namespace: str) -> None:
    """Bring the endpoints of each Service with a selector to the ready Pods that match."""
    for service in list(mirror.all(namespace, "Service")):
        selector = service["spec"].get("selector")
        if not selector:
            continue
        slice_ = _slice(service, [p for p in mirror.all(namespace, "Pod") if _matches(p, selector)])
        here = mirror.get("EndpointSlice", namespace, slice_["metadata"]["name"])
        if here is None:
            await cluster.create(slice_)
        elif (here.get("endpoints") or []) != slice_["endpoints"]:
            await cluster.merge(here, {"endpoints": slice_["endpoints"]})


def _slice(service: Body, pods: list[Body]) -> Body:
    meta = service["metadata"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{meta['name']}-slice",
            "namespace": meta["namespace"],
            # The real controller copies the Service's labels too.
            "labels": {**(meta.get("labels") or {}), _SERVICE_NAME: meta["name"]},
            "ownerReferences": [controlled_by(service)],
        },
        "addressType": "IPv4",
        "ports": [
            {"name": port.get("name", ""), "port": _target(port), "protocol": "TCP"}
            for port in service["spec"]["ports"]
        ],
        "endpoints": [_endpoint(pod) for pod in pods if pod.get("status", {}).get("podIP")],
    }


def _target(port: Mapping[str, Any]) -> int:
    target = port.get("targetPort", port["port"])
    return target if isinstance(target, int) else port["port"]


def _endpoint(pod: Body) -> Body:
    ready = _is_ready(pod)
    name = pod["metadata"]["name"]
    reference = {"kind": "Pod", "name": name, "namespace": pod["metadata"]["namespace"]}
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": ready, "terminating": False},
        "targetRef": {**reference, "uid": pod["metadata"]["uid"]},
    }


def _matches(pod: Body, selector: Mapping[str, str]) -> bool:
    labels = pod["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in selector.items())


def _is_controlled_by(pod: Body, uid: str) -> bool:
    return any(one["uid"] == uid for one in pod["metadata"].get("ownerReferences") or ())
