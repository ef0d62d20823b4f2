"""Pods on nodes that are no more: nobody drains a spot node, so nobody else says so in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from comal_operator.core.conditions import find, parse_timestamp
from comal_operator.core.plan import Delete, Manifest, Ref, Seen, Settings
from comal_operator.core.training.pods import is_over

# A spot node that does not answer is most often evicted; any other may only be rebooting.
SPOT_LABEL = ("kubernetes.azure.com/scalesetpriority", "spot")
_SPOT_PATIENCE = timedelta(seconds=10)
# A Pod is gone by its deletionTimestamp if its node still works at all.
_DELETION_PATIENCE = timedelta(seconds=5)


@dataclass(frozen=True)
class NodeLoss:
    """Why a Pod's node is taken for lost, or when to look at it again."""

    message: str | None = None
    look_again: timedelta | None = None


def node_loss(pod: Manifest, seen: Seen, now: datetime, settings: Settings) -> NodeLoss:
    """Return whether the node under a live `pod` is lost.

    Only where the installation may watch Nodes; elsewhere the cluster's own controllers mark the
    Pod, minutes later.
    """
    name = (pod.get("spec") or {}).get("nodeName")
    if not settings.watch_nodes or not name or is_over(pod):
        return NodeLoss()
    node = seen.get("Node", name)
    if node is None:
        return NodeLoss(f"was interrupted: its node {name} is gone")
    ready = find(node.get("status", {}).get("conditions"), "Ready") or {}
    if ready.get("status") == "True":
        return NodeLoss()
    text = f"was interrupted: its node {name} is not ready"
    patience = _patience(pod, node, ready, now)
    if patience is None:
        return NodeLoss()
    return NodeLoss(text) if patience <= timedelta() else NodeLoss(look_again=patience)


def is_spot(node: Manifest) -> bool:
    """Return whether the cloud may take the node away at any moment."""
    key, value = SPOT_LABEL
    return (node["metadata"].get("labels") or {}).get(key) == value


def force_delete(pod: Manifest) -> Delete | None:
    """Return the deletion that does not wait for a kubelet; None if somebody asked for it."""
    meta = pod["metadata"]
    if meta.get("deletionTimestamp") and meta.get("deletionGracePeriodSeconds") == 0:
        return None
    ref = Ref("v1", "Pod", meta["namespace"], meta["name"])
    return Delete(ref, meta["uid"], grace_seconds=0)


def _patience(pod: Manifest, node: Manifest, ready: Manifest, now: datetime) -> timedelta | None:
    """Return how long a node that is not ready is still waited for; None: as long as it takes."""
    left: list[timedelta] = []
    since = ready.get("lastTransitionTime")
    if is_spot(node) and since:
        left.append(parse_timestamp(since) + _SPOT_PATIENCE - now)
    going = pod["metadata"].get("deletionTimestamp")
    if going:
        left.append(parse_timestamp(going) + _DELETION_PATIENCE - now)
    return min(left) if left else None
