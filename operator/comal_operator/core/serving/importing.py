"""From `spec.model.uri` to a ModelVersion of this namespace: once, by a Job that asks Azure ML."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from comal_operator.api.azure_ml import AzureErrand, AzureImport
from comal_operator.api.model_choice import ModelChoice
from comal_operator.core.conditions import find, is_true
from comal_operator.core.names import LABEL_MODEL_DEPLOYMENT, LABEL_MODEL_REGISTRY, short_hash
from comal_operator.core.plan import Create, Manifest, Seen, Settings
from comal_operator.core.reasons import AzureState
from comal_operator.core.registry import errand
from comal_operator.core.registry.azure_job import import_job, workspace_of
from comal_operator.core.registry.azure_workspace import NO_IMAGE, is_reached, why_not_reached
from comal_operator.core.registry.imported import (
    Landed,
    answer_of,
    imported_version,
    is_import_of,
    landed,
)
from comal_operator.core.registry.numbers import next_number
from comal_operator.core.serving.reasons import ResolutionReason as Reason
from comal_operator.core.serving.resolution import Unresolved
from comal_operator.core.training.registration import uncounted, versions_of
from comal_trainer.contract.azure import AzureReason, Origin, Workspace, import_arguments

_DEFAULT: Final = "default"
_SOON: Final = timedelta(seconds=5)
# On its way, or held up by what passes or has a condition of its own.
_WAITING: Final[tuple[str, ...]] = (
    Reason.IMPORTING,
    Reason.REGISTRY_NOT_READY,
    AzureState.WAITING_FOR_WORKSPACE,
    AzureReason.THROTTLED,
    AzureReason.UNAVAILABLE,
)


@dataclass(frozen=True)
class Importing:
    """How the model that a spec names by its uri comes here."""

    state: AzureImport | None = None
    version: str = ""
    """The ModelVersion that it is."""
    unresolved: Unresolved | None = None
    """Why there is none yet."""
    create: Create | None = None
    """The Job that is due, or the ModelVersion of what it has pushed."""
    again: timedelta | None = None


@dataclass(frozen=True)
class _Ask:
    """Who asks for which model of which workspace, and what was seen."""

    mdep: Manifest
    name: str
    """What the model is called here."""
    origin: Origin
    registry: Manifest
    workspace: Workspace
    seen: Seen
    settings: Settings

    @property
    def into(self) -> str:
        """Name of the registry that gets the bytes."""
        return str(self.registry["metadata"]["name"])

    def version_of(self, uri: str) -> str:
        """Return the ModelVersion that is this model of the workspace."""
        return _version((self.name, uri, self.into), self.workspace, self.seen)


def importing(
    mdep: Manifest, choice: ModelChoice, seen: Seen, now: datetime, settings: Settings
) -> Importing | None:
    """Return how the import stands; None where the spec names no uri."""
    if choice.uri is None:
        return None
    origin, name = Origin.parse(choice.uri), choice.registry or _DEFAULT
    registry = seen.get("ModelRegistry", name)
    workspace = workspace_of(registry) if registry is not None else None
    wire = (mdep.get("status") or {}).get("modelImport")
    before = AzureImport.model_validate(wire) if wire else None
    newest = None if origin.version else _remembered(origin, name, workspace, before)
    uri = origin.uri if origin.version else newest.found if newest is not None else None
    version = _version((choice.name, uri, name), workspace, seen) if uri else ""
    if version:
        return Importing(newest, version)
    if registry is None:
        text = f"there is no ModelRegistry {name} to import {choice.uri} to: make it, with azureML"
        return _held(None, Reason.REGISTRY_NOT_FOUND, text)
    if workspace is None:
        text = f"ModelRegistry {name} names no workspace of Azure ML: give it azureML"
        return _held(None, Reason.REGISTRY_WITHOUT_AZURE, text)
    ask = _Ask(mdep, choice.name, origin, registry, workspace, seen, settings)
    return _asking(ask, before, now)


def _remembered(
    origin: Origin, registry: str, workspace: Workspace | None, before: AzureImport | None
) -> AzureImport | None:
    """Return what the status remembers of `@latest`, if it is still what is asked."""
    if before is None or before.found is None:
        return None
    if workspace is not None and before.id != _id(origin, registry, workspace):
        return None
    return before if Origin.parse(before.found).model == origin.model else None


def _id(origin: Origin, registry: str, workspace: Workspace) -> str:
    return f"{registry}:{origin.id_in(workspace)}"


def _version(what: tuple[str, str, str], workspace: Workspace | None, seen: Seen) -> str:
    """Return the newest ModelVersion that is (model, uri, registry) of the workspace."""
    model, uri, registry = what
    found = [
        one
        for one in seen.all("ModelVersion")
        if one["spec"]["model"] == model
        and "deletionTimestamp" not in one["metadata"]
        and is_import_of(one, uri, registry, workspace)
    ]
    newest = max(found, key=lambda one: int(one["spec"]["version"]), default=None)
    return str(newest["metadata"]["name"]) if newest is not None else ""


def _asking(ask: _Ask, before: AzureImport | None, now: datetime) -> Importing:
    wanted = _wanted(ask)
    fresh = AzureErrand(id=wanted.id, asked=wanted.asked)
    is_same = before is not None and (before.id, before.asked) == (fresh.id, fresh.asked)
    # What was done and is gone is done again.
    old = before if before is not None and is_same and not before.done else fresh
    step = errand.run(ask.mdep, old, wanted, ask.seen, now)
    if step.create is not None:
        held = _not_yet(ask)
        if held is not None and not old.failures:
            return _held(_state(old), *held)
        told = _told(ask.mdep, errand.Errand(old))
        return told if held is not None else replace(told, create=step.create)
    return _commit(ask, old) if step.state.done else _told(ask.mdep, step)


def _told(mdep: Manifest, step: errand.Errand) -> Importing:
    """Return what is known of an attempt; why the last one failed is worth more than waiting."""
    told = step.told
    if told is None and step.state.failures:
        said = find((mdep.get("status") or {}).get("conditions"), "ModelResolved")
        if said is not None and said["status"] == "False":
            told = errand.Told(said["reason"], said["message"])
    if told is None or told.reason == AzureState.ASKING:
        told = errand.Told(Reason.IMPORTING, told.message if told else "its Job runs")
    unresolved = Unresolved(told.reason, told.message, waits=told.reason in _WAITING)
    return Importing(_state(step.state), "", unresolved, again=step.again)


def _commit(ask: _Ask, old: AzureErrand) -> Importing:
    """Return the POST that makes the version of what was pushed, or what it waits for.

    Two that ask for the newest may have brought the same: then the version is there.
    """
    state, found = _state(old), _landed(ask, old)
    if found is None:
        return Importing(state, "", _waits("its Pod is gone"), again=_SOON)
    version = ask.version_of(found.origin.uri)
    if version:
        done = AzureImport(id=old.id, asked=old.asked, done=True, found=found.origin.uri)
        return Importing(done, version)
    behind = uncounted(ask.seen, versions_of(ask.seen, ask.name))
    if behind is not None:
        text = f"ModelRegistry {behind.spec.registry} is to remember version {behind.spec.version}"
        return Importing(state, "", _waits(text), again=_SOON)
    versions = ask.seen.all("ModelVersion")
    number = next_number(ask.name, ask.seen.all("ModelRegistry"), versions)
    made = imported_version(
        found, model=ask.name, number=number, registry=ask.registry, workspace=ask.workspace
    )
    refusal = ask.seen.refusals.get(("ModelVersion", made["metadata"]["name"]))
    if refusal is not None:
        text = f"ModelVersion {made['metadata']['name']} was refused: {refusal}"
        return Importing(state, "", Unresolved(AzureState.JOB_FAILED, text), again=_SOON)
    return Importing(state, "", _waits("it is pushed"), Create(made))


def _wanted(ask: _Ask) -> errand.Wanted:
    arguments = import_arguments(ask.workspace, ask.origin)
    mark = {
        LABEL_MODEL_DEPLOYMENT: ask.mdep["metadata"]["name"],
        # It shows the registry that its login is gone.
        LABEL_MODEL_REGISTRY: ask.into,
    }
    return errand.Wanted(
        _id(ask.origin, ask.into, ask.workspace),
        short_hash(arguments, ask.name, ask.mdep["metadata"]["uid"]),
        lambda name: import_job(
            ask.mdep,
            name,
            workspace=ask.workspace,
            arguments=arguments,
            target=(ask.into, ask.name),
            mark=mark,
            settings=ask.settings,
        ),
        answer_of,
    )


def _not_yet(ask: _Ask) -> tuple[str, str] | None:
    """Return what an attempt that is due has to wait for, or None."""
    if not ask.settings.azure_image:
        return AzureState.IMAGE_MISSING, NO_IMAGE
    if not is_reached(ask.registry, ask.workspace):
        return AzureState.WAITING_FOR_WORKSPACE, why_not_reached(ask.registry)
    if not is_true((ask.registry.get("status") or {}).get("conditions"), "Ready"):
        text = f"ModelRegistry {ask.into} is not ready: see its conditions"
        return Reason.REGISTRY_NOT_READY, text
    return None


def _landed(ask: _Ask, old: AzureErrand) -> Landed | None:
    job = ask.seen.get("Job", errand.job_name(ask.mdep, old))
    pods = errand.pods_of(job, ask.seen) if job is not None else []
    return next((found for pod in pods if (found := landed(pod)) is not None), None)


def _held(state: AzureImport | None, reason: str, message: str) -> Importing:
    return Importing(state, "", Unresolved(reason, message, waits=reason in _WAITING))


def _waits(text: str) -> Unresolved:
    return Unresolved(Reason.IMPORTING, text, waits=True)


def _state(state: AzureErrand) -> AzureImport:
    return AzureImport.model_validate(state.model_dump())
