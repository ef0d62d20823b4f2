"""Nodes, the only objects outside a namespace that decisions see: those under live Pods of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from comal_operator.core.plan import Manifest
from comal_operator.core.registry.azure_region import REGION_LABEL
from comal_operator.core.training.interruptions import SPOT_LABEL

NODE = "Node"
_OVER = ("Succeeded", "Failed")


def node_of(pod: Manifest) -> str | None:
    """Return the name of the node under a Pod that may still run there, or None."""
    if pod.get("status", {}).get("phase") in _OVER:
        return None
    return (pod.get("spec") or {}).get("nodeName") or None


def nodes_under(bodies: Iterable[Manifest]) -> set[str]:
    """Return the names of the nodes under those of `bodies` that are live Pods."""
    return {name for body in bodies if body["kind"] == "Pod" and (name := node_of(body))}


def slim_node(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells whether a node is there, works, may be taken away, and where it is."""
    meta, conditions = body["metadata"], (body.get("status") or {}).get("conditions") or ()
    kept = {key: meta[key] for key in _KEPT if key in meta}
    told = {k: v for k, v in (meta.get("labels") or {}).items() if k in _LABELS}
    ready = [
        {key: value for key, value in one.items() if key != "lastHeartbeatTime"}
        for one in conditions
        if one.get("type") == "Ready"
    ]
    return {
        "apiVersion": "v1",
        "kind": NODE,
        "metadata": {**kept, "labels": told},
        "status": {"conditions": ready},
    }


_LABELS = (SPOT_LABEL[0], REGION_LABEL)
_KEPT = ("name", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")


def tells_the_same(one: Manifest, other: Manifest) -> bool:
    """Return whether two slim nodes differ in nothing but their version: a kubelet's heartbeat."""
    return _telling(one) == _telling(other)


def _telling(node: Manifest) -> tuple[Any, ...]:
    meta = node["metadata"]
    return meta.get("uid"), meta.get("deletionTimestamp"), meta.get("labels"), node.get("status")
