"""Whether spans are passed on to Azure Monitor, as the Pod that does so tells."""

from __future__ import annotations

from typing import Any, Final

from comal_operator.api.telemetry import Telemetry
from comal_operator.core.children import is_ours, pods_with
from comal_operator.core.conditions import condition
from comal_operator.core.plan import Action, Delete, Manifest, Ref, Seen, Settings
from comal_operator.core.reasons import AzureState
from comal_operator.core.registry.azure_workspace import NO_IMAGE
from comal_operator.core.serving.labels import SPANS, component_selector
from comal_operator.core.serving.problems import problem_of
from comal_operator.core.serving.reasons import SpansReason
from comal_operator.core.serving.spans import relay_name

SPANS_SENT: Final = "SpansSent"


def spans_sent(
    mdep: Manifest, telemetry: Telemetry | None, seen: Seen, settings: Settings
) -> list[dict[str, Any]]:
    """Return the condition; nothing without `azureMonitor`. The endpoint is well without it."""
    to = telemetry.azure_monitor if telemetry is not None else None
    if to is None:
        return []
    if not settings.azure_image:
        return [condition(SPANS_SENT, False, AzureState.IMAGE_MISSING, NO_IMAGE)]
    status = (seen.get("Deployment", relay_name(mdep)) or {}).get("status") or {}
    problem = problem_of(pods_with(component_selector(mdep, SPANS), seen))
    if problem is not None:
        return [condition(SPANS_SENT, False, problem.reason, problem.message)]
    if status.get("availableReplicas"):
        said = to.connection_string
        text = f"Application Insights is called by key {said.key} of Secret {said.name}"
        return [condition(SPANS_SENT, True, SpansReason.SENDING, text)]
    text = "the Pod that passes spans on is starting"
    return [condition(SPANS_SENT, None, SpansReason.STARTING, text)]


def superfluous_relay(
    mdep: Manifest, telemetry: Telemetry | None, seen: Seen
) -> tuple[Action, ...]:
    """Return the removal of the Pod and its Service where nothing is to be passed on."""
    if telemetry is not None and telemetry.azure_monitor is not None:
        return ()
    there = (seen.get(kind, relay_name(mdep)) for kind in ("Deployment", "Service"))
    return tuple(
        Delete(Ref.of(one), one["metadata"]["uid"])
        for one in there
        if one is not None and is_ours(one, mdep) and "deletionTimestamp" not in one["metadata"]
    )
