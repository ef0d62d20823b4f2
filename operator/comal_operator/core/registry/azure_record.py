"""A version's record in Azure ML: after the commit point, and never in its way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from comal_operator.api.azure_ml import AzureErrand
from comal_operator.core.conditions import as_said, condition, find
from comal_operator.core.names import LABEL_MODEL_REGISTRY, LABEL_MODEL_VERSION, short_hash
from comal_operator.core.plan import Create, Manifest, Seen, Settings
from comal_operator.core.reasons import AzureState
from comal_operator.core.registry import errand
from comal_operator.core.registry.address import split_location
from comal_operator.core.registry.azure_job import record_job, workspace_of
from comal_operator.core.registry.azure_workspace import (
    MIRRORED,
    NO_IMAGE,
    is_reached,
    why_not_reached,
)
from comal_trainer.contract.azure import (
    DIGEST_TAG,
    OWNER_TAG,
    REGISTRY_TAG,
    DataAsset,
    Entry,
    Workspace,
    record_arguments,
)

# A registry that names a workspace later has all its versions recorded: so many at a time.
AT_ONCE: Final = 4
_TURN: Final = timedelta(seconds=20)
# Azure ML takes no longer ones; the whole text stands in the ModelVersion.
_TAG_LIMIT: Final = 256
_VERSION_DIGITS: Final = 16


@dataclass(frozen=True)
class Mirror:
    """What a version's status says of its record, and what to do for it."""

    state: Mapping[str, Any] | None = None
    condition: Mapping[str, Any] | None = None
    create: Create | None = None
    again: timedelta | None = None


def mirror(version: Manifest, seen: Seen, now: datetime, settings: Settings) -> Mirror:
    """Return where the version's record stands; what the status knows where none is asked for."""
    wire = version.get("status", {}).get("azureML")
    registry = seen.get("ModelRegistry", version["spec"]["registry"])
    workspace = workspace_of(registry) if registry is not None else None
    if registry is None or workspace is None:
        return Mirror(wire)
    imported = _imported(version)
    if imported is not None:
        text = f"it was imported from there, as {imported['uri']}"
        return Mirror(wire, condition(MIRRORED, True, AzureState.IMPORTED, text))
    wanted = _wanted(version, registry, workspace, settings)
    old = errand.known(wire, wanted)
    if old.done:
        return Mirror(old.to_wire(), _recorded(old, workspace))
    step = errand.run(version, old, wanted, seen, now)
    if step.create is not None:
        held = (
            _held(version, registry, workspace, seen, now)
            if settings.azure_image
            else errand.Told(AzureState.IMAGE_MISSING, NO_IMAGE)
        )
        if held is not None:
            # The registry's own news wake its versions.
            again = _TURN if held.reason == AzureState.WAITING_FOR_OTHERS else None
            return Mirror(old.to_wire(), _not_yet(version, old, held), again=again)
    if step.state.done:
        return Mirror(step.state.to_wire(), _recorded(step.state, workspace))
    told = step.told or errand.Told(AzureState.RECORDING, f"into workspace {workspace.name}")
    if told.reason == AzureState.ASKING:
        told = errand.Told(AzureState.RECORDING, told.message)
    said = (
        condition(MIRRORED, False, told.reason, told.message)
        if step.told is not None
        else _not_yet(version, old, told)
    )
    return Mirror(step.state.to_wire(), said, step.create, step.again)


def entry_of(version: Manifest, registry: Manifest) -> Entry:
    """Return what the record says: whose it is, what it was made of, and the user's own words."""
    spec, meta = version["spec"], version["metadata"]
    lineage: Mapping[str, Any] = spec["lineage"]
    run: Mapping[str, Any] = lineage.get("run") or {}
    source: Mapping[str, Any] = lineage.get("source") or {}
    data: Sequence[Mapping[str, Any]] = lineage.get("data", ())
    assets = {one["name"]: asset for one in data if (asset := _asset(spec["model"], one))}
    ours = {
        OWNER_TAG: f"{meta['namespace']}/{meta['name']}",
        DIGEST_TAG: spec["digest"],
        REGISTRY_TAG: registry["metadata"]["uid"],
        "comal.run": run.get("name"),
        "comal.run-id": run.get("uid"),
        "comal.experiment": lineage.get("experiment"),
        "comal.repository": source.get("repository"),
        "comal.revision": source.get("revision"),
        "comal.build-id": source.get("buildId"),
        "comal.build-uri": source.get("buildUri"),
        "comal.format": spec["format"],
        "comal.contract": spec["contract"],
        **{f"comal.data.{one['name']}": one["digest"] for one in data},
        **{f"comal.data-asset.{key}": f"azureml:{a.name}:{a.version}" for key, a in assets.items()},
        **{f"comal.image.{one['step']}": one["image"] for one in lineage.get("images", ())},
    }
    metric = spec.get("primaryMetric")
    metrics = spec.get("metrics", {})
    measured = {metric: metrics[metric]} if metric in metrics else {}
    theirs = {
        **spec.get("parameters", {}),
        **measured,
        **registry["spec"]["azureML"].get("tags", {}),
        **spec.get("tags", {}),
    }
    said = {**theirs, **{key: text for key, text in ours.items() if text}}
    return Entry(
        model=spec["model"],
        version=spec["version"],
        description=spec.get("description") or "",
        tags={str(key): _short(str(text)) for key, text in said.items()},
        data=tuple(assets.values()),
    )


def _asset(model: str, data: Mapping[str, Any]) -> DataAsset | None:
    """Return the asset that stands for the data; None where Azure cannot point to its place.

    The version is of the digest: the same bytes are the same version, whichever run had them.
    """
    uri = data.get("uri") or ""
    if not uri.startswith("https://"):
        return None
    counted = {f"comal.{key}": str(data[key]) for key in ("size", "rows") if data.get(key)}
    return DataAsset(
        name=f"{model}-{data['name']}",
        version=data["digest"].removeprefix("sha256:")[:_VERSION_DIGITS],
        path=uri,
        tags={DIGEST_TAG: data["digest"], **counted},
    )


def _short(text: str) -> str:
    return text if len(text) <= _TAG_LIMIT else text[: _TAG_LIMIT - 1] + "…"


def _wanted(
    version: Manifest, registry: Manifest, workspace: Workspace, settings: Settings
) -> errand.Wanted:
    entry = entry_of(version, registry)
    arguments = record_arguments(workspace, entry)
    mark = {
        LABEL_MODEL_VERSION: version["metadata"]["name"],
        # It must know of attempts that outlive their version.
        LABEL_MODEL_REGISTRY: registry["metadata"]["name"],
    }
    address = split_location(version["spec"]["location"])
    return errand.Wanted(
        entry.id_in(workspace),
        short_hash(arguments),
        lambda name: record_job(
            version,
            name,
            workspace=workspace,
            arguments=arguments,
            address=address,
            mark=mark,
            settings=settings,
        ),
    )


def _held(
    version: Manifest, registry: Manifest, workspace: Workspace, seen: Seen, now: datetime
) -> errand.Told | None:
    """Return what an attempt that is due has to wait for, or None."""
    if not is_reached(registry, workspace):
        return errand.Told(AzureState.WAITING_FOR_WORKSPACE, why_not_reached(registry))
    first = sorted(_waiting(registry, workspace, seen, now))[:AT_ONCE]
    if _rank(version) in first:
        return None
    return errand.Told(AzureState.WAITING_FOR_OTHERS, f"{AT_ONCE} records are made at a time")


def _waiting(
    registry: Manifest, workspace: Workspace, seen: Seen, now: datetime
) -> list[tuple[str, str, int]]:
    """Return the versions whose attempt runs or is due, those that waited longest first."""
    found = []
    for one in seen.all("ModelVersion"):
        spec = one["spec"]
        if spec["registry"] != registry["metadata"]["name"] or _imported(one) is not None:
            continue
        wire = one.get("status", {}).get("azureML")
        entry = Entry(model=spec["model"], version=spec["version"])
        about = wire is not None and wire["id"] == entry.id_in(workspace)
        if not about or errand.is_due(AzureErrand.model_validate(wire), now):
            found.append(_rank(one))
    return found


def _imported(version: Manifest) -> Mapping[str, str] | None:
    """Return where the version came from, if that is Azure ML: it needs no second record."""
    found: Mapping[str, str] | None = version["spec"]["lineage"].get("imported")
    return found


def _rank(version: Manifest) -> tuple[str, str, int]:
    state = version.get("status", {}).get("azureML") or {}
    spec = version["spec"]
    return state.get("nextAttempt") or "", spec["model"], int(spec["version"])


def _recorded(state: AzureErrand, workspace: Workspace) -> Mapping[str, Any]:
    *_, model, _, number = state.id.split("/")
    text = f"azureml:{model}:{number} in workspace {workspace.name}"
    return condition(MIRRORED, True, AzureState.RECORDED, text)


def _not_yet(version: Manifest, old: AzureErrand, told: errand.Told) -> Mapping[str, Any]:
    """Return why there is no record; what the last attempt failed of is worth more than waiting."""
    before = find(version.get("status", {}).get("conditions"), MIRRORED)
    if old.failures and before is not None and before["status"] == "False":
        return as_said(before)
    return condition(MIRRORED, False, told.reason, told.message)
