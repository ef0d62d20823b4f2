"""Whether the workspace that a ModelRegistry names is reached, and what of its versions says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from comal_operator.api.azure_ml import AzureErrand
from comal_operator.core.conditions import as_said, condition, find
from comal_operator.core.names import short_hash
from comal_operator.core.plan import Manifest, Seen, Settings
from comal_operator.core.reasons import AzureState
from comal_operator.core.registry import errand
from comal_operator.core.registry.azure_job import check_job, workspace_of
from comal_operator.core.registry.azure_region import region_condition
from comal_trainer.contract.azure import (
    ACCESS_REASONS,
    AzureReason,
    Workspace,
    check_arguments,
)

AUTHORIZED = "AzureAuthorized"
FOUND = "WorkspaceFound"
MIRRORED = "Mirrored"
NO_IMAGE = (
    "this installation has no image that calls Azure: set COMAL_AZURE_IMAGE in ConfigMap"
    " comal-images of the operator's namespace"
)


@dataclass(frozen=True)
class Reached:
    """What a registry's status says of its workspace, and the Job that finds it out."""

    state: AzureErrand | None = None
    conditions: tuple[Mapping[str, Any], ...] = ()
    errand: errand.Errand | None = None


def is_reached(registry: Manifest, workspace: Workspace) -> bool:
    """Return whether the registry, as it is written now, has found this workspace."""
    status = registry.get("status", {})
    state = status.get("azureML") or {}
    return (
        status.get("observedGeneration") == registry["metadata"]["generation"]
        and state.get("id") == workspace.id
        and bool(state.get("done"))
    )


def why_not_reached(registry: Manifest) -> str:
    """Return what keeps whoever waits for the workspace."""
    conditions = registry.get("status", {}).get("conditions")
    said = [find(conditions, kind) for kind in (AUTHORIZED, FOUND)]
    bad = next((one for one in said if one is not None and one["status"] != "True"), None)
    why = f"{bad['reason']}: {bad['message']}" if bad else "it has not been looked for yet"
    return f"ModelRegistry {registry['metadata']['name']}: {why}"


def reach(registry: Manifest, seen: Seen, now: datetime, settings: Settings) -> Reached:
    """Return how the workspace is reached; nothing where the registry names none."""
    workspace = workspace_of(registry)
    if workspace is None:
        return Reached()
    arguments = check_arguments(workspace)
    wanted = errand.Wanted(
        workspace.id,
        # A changed spec is looked at anew.
        short_hash(arguments, registry["metadata"]["generation"]),
        lambda name: check_job(registry, name, workspace, arguments, settings.azure_image),
    )
    wire = registry.get("status", {}).get("azureML")
    old = errand.known(wire, wanted)
    if old.asked != wanted.asked:
        # Found before, but by another identity: whether this one finds it is to be seen.
        old = AzureErrand(id=wanted.id, asked=wanted.asked)
    if not settings.azure_image and not old.done:
        return Reached(old, _both(AzureState.IMAGE_MISSING, NO_IMAGE))
    step = errand.run(registry, old, wanted, seen, now)
    return Reached(step.state, _conditions(registry, step, workspace, seen), step)


def _conditions(
    registry: Manifest, step: errand.Errand, workspace: Workspace, seen: Seen
) -> tuple[Mapping[str, Any], ...]:
    if step.state.done:
        found = condition(FOUND, True, AzureState.FOUND, f"{workspace.name} is there")
        where = region_condition(registry, step.state.region, seen)
        refused = _refused_version(registry, seen)
        if refused is not None:
            return condition(AUTHORIZED, False, refused["reason"], refused["message"]), found, where
        told = f"the workspace is reached as {workspace.client_id or workspace.secret}"
        return condition(AUTHORIZED, True, AzureState.LOGGED_IN, told), found, where
    if step.told is not None:
        return _failed(step.told)
    if step.state.failures:
        return _remembered(registry)
    return _both(AzureState.ASKING, f"looking for workspace {workspace.name}")


def _failed(told: errand.Told) -> tuple[Mapping[str, Any], ...]:
    if told.reason in ACCESS_REASONS:
        unknown = condition(FOUND, None, told.reason, "nobody has logged in yet")
        return condition(AUTHORIZED, False, told.reason, told.message), unknown
    if told.reason == AzureReason.WORKSPACE_NOT_FOUND:
        logged_in = condition(AUTHORIZED, True, AzureState.LOGGED_IN, "Azure took the login")
        return logged_in, condition(FOUND, False, told.reason, told.message)
    return _both(told.reason, told.message)


def _both(reason: str, message: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(condition(kind, None, reason, message) for kind in (AUTHORIZED, FOUND))


def _remembered(registry: Manifest) -> tuple[Mapping[str, Any], ...]:
    old = registry.get("status", {}).get("conditions")
    kept = [find(old, kind) for kind in (AUTHORIZED, FOUND)]
    return tuple(as_said(one) for one in kept if one is not None)


def _refused_version(registry: Manifest, seen: Seen) -> Mapping[str, Any] | None:
    """Return why Azure does not let one of the registry's versions be recorded."""
    for version in seen.all("ModelVersion"):
        if version["spec"]["registry"] != registry["metadata"]["name"]:
            continue
        said = find(version.get("status", {}).get("conditions"), MIRRORED)
        if said is not None and said["status"] == "False" and said["reason"] in ACCESS_REASONS:
            return said
    return None
