"""The records of deleted versions, where the registry says that they go too.

Nothing waits for it and no finalizer holds a version: the registry remembers the highest number of
each model, so the numbers below it that have no ModelVersion are those that are gone, after any
outage and any restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from comal_operator.api.azure_ml import AzureErrand, AzureML
from comal_operator.core.conditions import as_said, condition, find
from comal_operator.core.names import LABEL_MODEL_VERSION, short_hash
from comal_operator.core.plan import Manifest, Seen, Settings
from comal_operator.core.reasons import AzureState
from comal_operator.core.registry import errand
from comal_operator.core.registry.azure_job import check_job, workspace_of
from comal_operator.core.registry.numbers import high_water
from comal_operator.core.training.pods import is_over
from comal_trainer.contract.azure import Gone, prune_arguments

DELETED: Final = "RecordsDeleted"


@dataclass(frozen=True)
class Deletion:
    """What a registry's status says of records that go, and the Job that deletes them."""

    state: AzureErrand | None = None
    conditions: tuple[Mapping[str, Any], ...] = ()
    errand: errand.Errand | None = None


def delete_records(
    registry: Manifest, seen: Seen, now: datetime, settings: Settings, *, is_reached: bool
) -> Deletion:
    """Return how the records of deleted versions go; nothing where they stay or none is gone."""
    workspace = workspace_of(registry)
    if workspace is None:
        return Deletion()
    azure = AzureML.model_validate(registry["spec"]["azureML"])
    gone = gone_of(registry, seen.all("ModelVersion"))
    wire = registry.get("status", {}).get("azureDeletion")
    if azure.deletion_policy != "Delete" or not gone.models:
        return Deletion()
    arguments = prune_arguments(workspace, gone)
    wanted = errand.Wanted(
        workspace.id,
        short_hash(arguments),
        lambda name: check_job(registry, name, workspace, arguments, settings.azure_image),
    )
    old = errand.known(wire, wanted)
    if old.asked != wanted.asked:
        # Done before, but since then more are gone.
        old = AzureErrand(id=wanted.id, asked=wanted.asked)
    count = sum(last - first + 1 for runs in gone.models.values() for first, last in runs)
    if old.done:
        done = errand.Errand(old)
        return Deletion(old, (_said(registry, done, count, workspace.name),))
    if not is_reached or not settings.azure_image:
        text = "the workspace is not reached: see AzureAuthorized and WorkspaceFound"
        return Deletion(old, (condition(DELETED, False, AzureState.WAITING_FOR_WORKSPACE, text),))
    late = _still_recording(gone, seen)
    if late:
        text = f"the record of {late} is being made: it goes when that Pod is gone"
        return Deletion(old, (condition(DELETED, False, AzureState.DELETING, text),))
    step = errand.run(registry, old, wanted, seen, now)
    return Deletion(step.state, (_said(registry, step, count, workspace.name),), step)


def gone_of(registry: Manifest, versions: Iterable[Manifest]) -> Gone:
    """Return the numbers that the registry once saw, or that were given elsewhere, and are not."""
    listed = list(versions)
    models: dict[str, list[list[int]]] = {}
    for model, highest in sorted(high_water(registry, listed).items()):
        there = {int(v["spec"]["version"]) for v in listed if v["spec"]["model"] == model}
        runs = _runs(number for number in range(1, highest + 1) if number not in there)
        if runs:
            models[model] = runs
    meta = registry["metadata"]
    return Gone(registry=meta["uid"], namespace=meta["namespace"], models=models)


def _runs(numbers: Iterable[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return runs


def _still_recording(gone: Gone, seen: Seen) -> str:
    """Return a deleted version whose record's Pod lives: what it writes last must go as well."""
    for pod in seen.all("Pod"):
        name = str((pod["metadata"].get("labels") or {}).get(LABEL_MODEL_VERSION, ""))
        model, _, number = name.rpartition("-v")
        if not is_over(pod) and gone.has(model, number):
            return name
    return ""


def _said(registry: Manifest, step: errand.Errand, count: int, workspace: str) -> Mapping[str, Any]:
    if step.state.done:
        text = f"no record of the {count} deleted versions is left in workspace {workspace}"
        return condition(DELETED, True, AzureState.DELETED, text)
    if step.told is not None and step.told.reason != AzureState.ASKING:
        return condition(DELETED, False, step.told.reason, step.told.message)
    before = find(registry.get("status", {}).get("conditions"), DELETED)
    if step.state.failures and before is not None and before["status"] == "False":
        return as_said(before)
    text = f"of {count} deleted versions, from workspace {workspace}"
    return condition(DELETED, False, AzureState.DELETING, text)
