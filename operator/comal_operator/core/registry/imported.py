"""What the Pod of an import has answered, and the ModelVersion that is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from comal_operator.api import model_version as api
from comal_operator.api.meta import API_VERSION
from comal_operator.core.names import LABEL_MODEL, labels
from comal_operator.core.plan import Manifest
from comal_operator.core.registry.address import location
from comal_operator.core.registry.azure_job import ADOPT, BRING, REGISTER
from comal_operator.core.training.registration import parity_of, signature_of
from comal_trainer.contract import ContractError, Converted, Registered
from comal_trainer.contract.azure import AzureAnswer, Origin, Workspace

# What lies in Azure under a number does not change: asking sooner would only download it again.
_HOPELESS: Final = 3600


@dataclass(frozen=True)
class Landed:
    """A model that lies in our registry now."""

    origin: Origin
    """With its version, also where the newest was asked for."""
    converted: Converted
    registered: Registered


def answer_of(pod: Manifest) -> AzureAnswer | None:
    """Return what an import's Pod answers, as soon as one of its containers has failed."""
    said = _messages(pod)
    try:
        brought = AzureAnswer.decode(said[BRING]) if BRING in said else None
        if brought is None or brought.error is not None:
            return brought
        converted = Converted.decode(said[ADOPT]) if ADOPT in said else None
        if converted is None:
            return None
        if converted.error is not None:
            return AzureAnswer(error=converted.error, wait=_HOPELESS)
        registered = Registered.decode(said[REGISTER]) if REGISTER in said else None
    except ContractError:
        # What is no answer of ours is told by the Job's end.
        return None
    if registered is None:
        return None
    return brought if registered.error is None else AzureAnswer(error=registered.error)


def landed(pod: Manifest) -> Landed | None:
    """Return what a Pod has imported; None unless all of it was done."""
    answer = answer_of(pod)
    if answer is None or answer.error is not None:
        return None
    said = _messages(pod)
    *_, model, _, version = answer.id.split("/")
    return Landed(
        Origin(model=model, version=version),
        Converted.decode(said[ADOPT]),
        Registered.decode(said[REGISTER]),
    )


def is_import_of(version: Manifest, uri: str, registry: str, workspace: Workspace | None) -> bool:
    """Return whether a ModelVersion is that model; of any workspace where none is named now."""
    spec = version["spec"]
    said: Mapping[str, Any] = (spec.get("lineage") or {}).get("imported") or {}
    is_same = said.get("uri") == uri and spec["registry"] == registry
    return is_same and (workspace is None or said.get("workspace") == workspace.id)


def imported_version(
    found: Landed, *, model: str, number: int, registry: Manifest, workspace: Workspace
) -> Manifest:
    """Return the ModelVersion. No owner: it outlives who asked for it."""
    meta = registry["metadata"]
    converted = found.converted
    wire = api.ModelVersionSpec(
        model=model,
        version=str(number),
        digest=found.registered.digest,
        format=converted.format,
        source_format=converted.source_format or None,
        contract=converted.contract,
        registry=meta["name"],
        location=location(meta["name"], model),
        signature=signature_of(converted),
        parity=parity_of(converted),
        lineage=api.Lineage(
            imported=api.Imported(uri=found.origin.uri, workspace=workspace.id),
        ),
    )
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelVersion",
        "metadata": {
            "name": f"{model}-v{number}",
            "namespace": meta["namespace"],
            "labels": labels("model-version", **{LABEL_MODEL: model}),
        },
        "spec": wire.to_wire(),
    }


def _messages(pod: Manifest) -> dict[str, str]:
    """Return the last words of the containers that have ended, by name."""
    status = pod.get("status") or {}
    listed = [
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ]
    ended = {one["name"]: (one.get("state") or {}).get("terminated") for one in listed}
    return {name: end.get("message") or "" for name, end in ended.items() if end}
