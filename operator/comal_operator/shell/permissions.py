"""Every call that the operator makes: the gateway refuses others, RBAC is generated from them."""

from __future__ import annotations

from dataclasses import dataclass

_READ = ("get", "list", "watch")
# Server-side apply of what is not there yet counts as `create` too.
_APPLY = ("create", "get", "list", "patch", "watch")


@dataclass(frozen=True)
class Calls:
    """The verbs that the operator uses on one resource or subresource."""

    group: str
    resource: str
    verbs: tuple[str, ...]


CALLS = (
    # A sweep's trials are made and stopped by us; nobody else's run is ever written.
    Calls("comal.dev", "trainingruns", ("create", "patch", *_READ)),
    Calls("comal.dev", "trainingruns/status", ("patch",)),
    Calls("comal.dev", "modelversions", ("create", *_READ)),
    Calls("comal.dev", "modelversions/status", ("patch",)),
    Calls("comal.dev", "modelregistries", ("create", *_READ)),
    Calls("comal.dev", "modelregistries/status", ("patch",)),
    Calls("comal.dev", "modeldeployments", _READ),
    Calls("comal.dev", "modeldeployments/status", ("patch",)),
    # A cache entry that is not what it says, and a reservation that is over.
    Calls("", "configmaps", (*_APPLY, "delete")),
    # Listed for what others say of children, made for what became of a run; one that is there
    # already was made before a crash.
    Calls("", "events", ("create", "get", "list")),
    Calls("", "persistentvolumeclaims", (*_APPLY, "delete")),
    # Patched: only the annotation that makes a router's kubelet look at its Secret again. Deleted:
    # only Pods of training steps whose node is gone.
    Calls("", "pods", ("delete", "patch", *_READ)),
    Calls("", "pods/log", ("get",)),
    # Written, never read: an operator that may list Secrets is worth stealing.
    Calls("", "secrets", ("create", "patch")),
    Calls("", "services", (*_APPLY, "delete")),
    Calls("", "serviceaccounts", _APPLY),
    Calls("apps", "controllerrevisions", ("create", "delete", *_READ)),
    Calls("apps", "deployments", (*_APPLY, "delete")),
    Calls("autoscaling", "horizontalpodautoscalers", (*_APPLY, "delete")),
    # Patched: only `suspend` of a load whose scorer does not come up.
    Calls("batch", "jobs", ("create", "delete", "patch", *_READ)),
    Calls("discovery.k8s.io", "endpointslices", _READ),
    # Only `active`, when a run that names a queue is suspended and goes on.
    Calls("kueue.x-k8s.io", "workloads", ("get", "list", "patch")),
    # Ways in to an endpoint, where its spec asks for them.
    Calls("gateway.networking.k8s.io", "httproutes", (*_APPLY, "delete")),
    Calls("networking.k8s.io", "ingresses", (*_APPLY, "delete")),
    Calls("networking.k8s.io", "networkpolicies", _APPLY),
    Calls("policy", "poddisruptionbudgets", (*_APPLY, "delete")),
)

# Of the whole cluster, even where the operator watches one namespace: no Role can give this.
CLUSTER_CALLS = (
    Calls("", "nodes", _READ),
    Calls("authentication.k8s.io", "tokenreviews", ("create",)),
)

# Only in the operator's own namespace, and only ever its own Lease.
OWN_CALLS = (Calls("coordination.k8s.io", "leases", ("create", "get", "update")),)

_PERMITTED = frozenset(
    (verb, calls.group, calls.resource)
    for calls in (*CALLS, *CLUSTER_CALLS, *OWN_CALLS)
    for verb in calls.verbs
)


class UndeclaredCallError(Exception):
    """The code tried a call that the table does not list: a bug, since RBAC would refuse it."""


def require(verb: str, group: str, resource: str) -> None:
    """Return if the call is declared; raise UndeclaredCallError otherwise."""
    if (verb, group, resource) not in _PERMITTED:
        raise UndeclaredCallError(f"{verb} {group or 'core'}/{resource} is not in CALLS")
