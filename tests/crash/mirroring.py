"""Stories of versions that Azure ML records, and of records that go: each is asked for once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crash.recorder import Recorder
from crash.scenario import Move, Scenario, Stage
from crash.standin.jobs import Script
from crash.training import starts

_GUID = "33333333-3333-3333-3333-333333333333"
_VERSION = "diabetes-v1"


def _registry(**azure: Any) -> Move:
    said = {
        "subscriptionId": _GUID,
        "resourceGroup": "ml-group",
        "workspace": "ml",
        "credential": {"workloadIdentity": {"clientId": _GUID}},
        **azure,
    }
    spec = {"store": {"embedded": {"size": "64Mi"}}, "azureML": said}
    return Move(lambda stage: stage.create("ModelRegistry", "default", spec))


def _is_recorded(stage: Stage) -> bool:
    return stage.condition("ModelVersion", _VERSION, "Mirrored")


def _is_deleted(stage: Stage) -> bool:
    gone = stage.get("ModelVersion", _VERSION) is None
    return gone and stage.condition("ModelRegistry", "default", "RecordsDeleted")


def _asked(**wanted: int) -> Callable[[Stage, Recorder], str]:
    """Return the judge that wants each call so often: names of Jobs hold hashes of uids."""

    def judge(stage: Stage, recorder: Recorder) -> str:
        del stage
        made = {name.removeprefix("azure-"): count for name, count in recorder.calls.items()}
        return "" if made == wanted else f"asked {made} instead of {wanted}"

    return judge


MIRRORING = (
    Scenario(
        name="recorded in Azure",
        moves=(_registry(), starts("a")),
        goal=_is_recorded,
        judge=_asked(check=1, record=1),
    ),
    Scenario(
        name="recorded after a refusal",
        moves=(_registry(), starts("a")),
        goal=_is_recorded,
        script=Script(refused_records=1),
        judge=_asked(check=1, record=2),
    ),
    Scenario(
        name="record deleted with its version",
        moves=(
            _registry(deletionPolicy="Delete"),
            starts("a"),
            Move(lambda stage: stage.delete("ModelVersion", _VERSION), _is_recorded),
        ),
        goal=_is_deleted,
        judge=_asked(check=1, record=1, prune=1),
    ),
)
