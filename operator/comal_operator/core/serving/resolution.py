"""From `spec.model` to one registered version, or to what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from comal_operator.api.model_choice import ModelChoice
from comal_operator.api.model_deployment_status import ResolvedModel
from comal_operator.core.conditions import find, is_true
from comal_operator.core.plan import Manifest, Seen
from comal_operator.core.registry.address import split_location
from comal_operator.core.serving.reasons import ResolutionReason as Reason
from comal_scorer.contract import SECOND_IMAGE_FORMATS


@dataclass(frozen=True)
class Resolved:
    """The version to serve."""

    model_version: str
    model: str
    version: str
    digest: str
    url: str
    """Address of the registry that holds the bytes."""
    repository: str
    format: str = "onnx"
    """The format that is served."""

    @property
    def needs_second_image(self) -> bool:
        """Return whether the default scorer lacks what serves this format."""
        return self.format in SECOND_IMAGE_FORMATS


@dataclass(frozen=True)
class Unresolved:
    """Why there is none."""

    reason: str
    """One of ours, or why Azure did not give it."""
    message: str
    waits: bool = False
    """Whether it comes by itself, so that nobody need do anything."""


def requested(choice: ModelChoice) -> str:
    """Return the choice as one word, to tell whether it is still the one that was resolved."""
    if choice.version is not None:
        return f"{choice.name}/version/{choice.version}"
    if choice.alias is not None:
        return f"{choice.name}/alias/{choice.alias}"
    if choice.training_run is not None:
        return f"{choice.name}/run/{choice.training_run}"
    if choice.uri is not None:
        return f"{choice.name}/uri/{choice.uri}"
    return f"{choice.name}/latest"


def resolve(
    choice: ModelChoice, seen: Seen, found: ResolvedModel | None, imported: str = ""
) -> Resolved | Unresolved:
    """Return the version that `choice` means among those seen; `found` is what it meant before.

    `imported` names the ModelVersion that a model chosen by uri has become.
    """
    here = [
        one
        for one in seen.all("ModelVersion")
        if one["spec"]["model"] == choice.name and "deletionTimestamp" not in one["metadata"]
    ]
    version = _kept(choice, here, found) or _chosen(choice, here, seen, imported)
    if isinstance(version, Unresolved):
        return version
    spec = version["spec"]
    if choice.digest is not None and choice.digest != spec["digest"]:
        return Unresolved(
            Reason.DIGEST_MISMATCH,
            f"{version['metadata']['name']} has digest {spec['digest']}, and spec.model.digest says"
            f" {choice.digest}: correct one of version and digest",
        )
    url, repository = split_location(spec["location"])
    return Resolved(
        version["metadata"]["name"],
        spec["model"],
        spec["version"],
        spec["digest"],
        url,
        repository,
        spec.get("format") or "onnx",
    )


def newer_than(choice: ModelChoice, seen: Seen, kept: str) -> str | None:
    """Return the ModelVersion that `choice` means now if it is not the one that is `kept`."""
    if choice.uri is not None:
        return None
    here = [one for one in seen.all("ModelVersion") if one["spec"]["model"] == choice.name]
    here = [one for one in here if "deletionTimestamp" not in one["metadata"]]
    version = _chosen(choice, here, seen)
    if isinstance(version, Unresolved):
        return None
    name: str = version["metadata"]["name"]
    return name if name != kept else None


def _kept(
    choice: ModelChoice, here: Iterable[Manifest], found: ResolvedModel | None
) -> Manifest | None:
    if choice.auto_update is not False or found is None or found.requested != requested(choice):
        return None
    return next((one for one in here if one["metadata"]["name"] == found.model_version), None)


def _chosen(
    choice: ModelChoice, here: list[Manifest], seen: Seen, imported: str = ""
) -> Manifest | Unresolved:
    if choice.uri is not None:
        named = [one for one in here if one["metadata"]["name"] == imported]
        return _only(named, Reason.MODEL_NOT_FOUND, f"{choice.uri} is not imported yet")
    if choice.training_run is not None:
        return _of_run(choice, choice.training_run, here, seen)
    if choice.version is not None:
        named = [one for one in here if one["spec"]["version"] == choice.version]
        missing = f"{choice.name} has no version {choice.version}{_there(here)}"
        return _only(named, Reason.MODEL_NOT_FOUND, missing)
    if choice.alias is not None:
        named = [
            one for one in here if choice.alias in ((one.get("status") or {}).get("aliases") or ())
        ]
        missing = f"no version of {choice.name} has the alias {choice.alias}{_there(here)}"
        return _only(named, Reason.ALIAS_NOT_FOUND, missing)
    newest = sorted(here, key=_number)[-1:]
    return _only(newest, Reason.MODEL_NOT_FOUND, f"{choice.name} has no version yet{_there(here)}")


def _only(named: list[Manifest], reason: Reason, missing: str) -> Manifest | Unresolved:
    return named[0] if named else Unresolved(reason, missing)


def _there(here: list[Manifest]) -> str:
    names = ", ".join(one["metadata"]["name"] for one in sorted(here, key=_number)[-5:])
    return f"; there are {names}" if names else "; it is served as soon as one is registered"


def _number(version: Manifest) -> int:
    return int(version["spec"]["version"])


def _of_run(
    choice: ModelChoice, name: str, here: list[Manifest], seen: Seen
) -> Manifest | Unresolved:
    """Return what the run registered; its version outlives it."""
    made = [one for one in here if _run_of(one) == name]
    run = seen.get("TrainingRun", name)
    if run is None:
        missing = f"there is no TrainingRun {name}, and no version of {choice.name} is from it"
        return _only(sorted(made, key=_number)[-1:], Reason.TRAINING_RUN_NOT_FOUND, missing)
    registers = (run["spec"].get("register") or {}).get("model")
    if registers != choice.name:
        what = f"registers {registers}" if registers else "registers no model"
        return Unresolved(
            Reason.OTHER_MODEL,
            f"TrainingRun {name} {what}, and spec.model.name says {choice.name}:"
            " correct one of name and trainingRun",
        )
    status = run.get("status") or {}
    own = [one for one in made if one["metadata"]["name"] == status.get("modelVersion")]
    return own[0] if own else _without_version(name, status)


def _run_of(version: Manifest) -> str | None:
    name = ((version["spec"].get("lineage") or {}).get("run") or {}).get("name")
    return name if isinstance(name, str) else None


def _without_version(name: str, status: dict[str, Any]) -> Unresolved:
    conditions = status.get("conditions") or ()
    if is_true(conditions, "Failed"):
        why = (find(conditions, "Failed") or {}).get("message", "")
        return Unresolved(Reason.TRAINING_RUN_FAILED, f"TrainingRun {name} failed: {why}")
    if is_true(conditions, "Complete") and not status.get("modelVersion"):
        why = (find(conditions, "GatePassed") or {}).get("message", "")
        return Unresolved(
            Reason.TRAINING_RUN_REJECTED, f"TrainingRun {name} ended and registered nothing: {why}"
        )
    if status.get("modelVersion"):
        return Unresolved(
            Reason.MODEL_NOT_FOUND,
            f"{status['modelVersion']}, which TrainingRun {name} registered, is gone:"
            " choose another version",
        )
    return Unresolved(
        Reason.WAITING_FOR_TRAINING_RUN, f"TrainingRun {name} has not ended yet", waits=True
    )
