"""Accelerators that a node only says it has: scheduling is then tried without any.

The kubelet keeps an extended resource that no device plugin of its own claims: it adds what it
finds to the capacity that is there, and derives what is allocatable from that. A kubelet that
starts anew may set it to 0: `gpus` again then.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cluster.commands import ClusterError, run, say
from cluster.kubectl import kubectl
from cluster.paths import Places

RESOURCE = "nvidia.com/gpu"
_HIGHEST = 1024


def advertise(places: Places, count: int, node: str = "") -> None:
    """Make the node say that it has ``count`` accelerators; 0 takes them away again.

    Without a name the cluster must have one node. Raises ClusterError with what to do instead.
    """
    if not 0 <= count <= _HIGHEST:
        raise ClusterError(f"gpus {count}: give a number from 0 to {_HIGHEST}")
    if not places.kubeconfig.exists():
        raise ClusterError("there is no cluster: run `make up` first")
    name = chosen(json.loads(_kubectl(places, "get", "nodes", "-o", "json")), node)
    _kubectl(places, "patch", "node", name, "--subresource", "status", "--type", "merge",
             "--patch", json.dumps(change(count)))  # fmt: skip
    say(f"node {name} advertises {count} {RESOURCE}")


def chosen(nodes: Mapping[str, Sequence[Mapping[str, Any]]], wanted: str) -> str:
    """Return the name of the node that is meant, given the answer to `get nodes`."""
    names = sorted(node["metadata"]["name"] for node in nodes["items"])
    shown = ", ".join(names)
    if wanted and wanted not in names:
        raise ClusterError(f"there is no node {wanted}: name one of {shown}")
    if not wanted and len(names) != 1:
        raise ClusterError(f"say which node with --node: {shown or 'there is none yet'}")
    return wanted or names[0]


def change(count: int) -> dict[str, Any]:
    """Return the merge patch of a node's status for that many; for 0 it removes the resource."""
    amount = {RESOURCE: str(count) if count else None}
    # Both: the kubelet would follow with the second in ten seconds.
    return {"status": {"capacity": amount, "allocatable": amount}}


def _kubectl(places: Places, *arguments: str) -> str:
    return run([kubectl(places), "--kubeconfig", places.kubeconfig, *arguments])
