"""Whether the registry elsewhere lets a namespace's gateway in, as its Pods tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from comal_operator.core.children import pods_with
from comal_operator.core.conditions import condition
from comal_operator.core.plan import Manifest, Seen, Settings
from comal_operator.core.reasons import AzureState, RegistryReason
from comal_operator.core.registry.azure_workspace import NO_IMAGE
from comal_operator.core.registry.gateway import REPLICAS, image_of, upstream_of
from comal_operator.core.registry.objects import registry_labels, service_name
from comal_operator.core.serving.problems import problem_of

STORE_REACHED: Final = "StoreReached"


def store_reached(registry: Manifest, seen: Seen, settings: Settings) -> Mapping[str, Any] | None:
    """Return the condition; None for an embedded registry."""
    upstream = upstream_of(registry)
    if upstream is None:
        return None
    if not image_of(upstream, settings):
        return condition(STORE_REACHED, None, AzureState.IMAGE_MISSING, NO_IMAGE)
    where = f"{upstream.host}/{upstream.path}"
    live = seen.get("Deployment", service_name(registry["metadata"]["name"]))
    status = (live or {}).get("status") or {}
    whole = all(status.get(key) == REPLICAS for key in ("availableReplicas", "updatedReplicas"))
    # One that has another login than those that run is told, though they go on.
    problem = None if whole else problem_of(pods_with(registry_labels(registry), seen))
    if problem is not None:
        return condition(STORE_REACHED, False, problem.reason, problem.message)
    if status.get("availableReplicas"):
        who = upstream.client_id or upstream.secret or upstream.login or "nobody"
        text = f"models lie in {where}, which is reached as {who}"
        return condition(STORE_REACHED, True, RegistryReason.REACHED, text)
    return condition(STORE_REACHED, None, RegistryReason.STARTING, f"looking for {where}")
