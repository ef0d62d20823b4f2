"""`azure-check` and `azure-record`: is the workspace reached, and one version put into it.

The version is looked for first: what stands there as ours is left as it is, so that a record may
be asked for as often as one likes, and what is somebody else's is never touched.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from azure.ai.ml import MLClient
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import Data, Model
from azure.core.credentials import TokenCredential
from azure.core.exceptions import ResourceNotFoundError

from comal_trainer.authorities import AuthoritiesError, trust
from comal_trainer.azure_ml.failure import AzureFailure, failure_of
from comal_trainer.azure_ml.login import credential
from comal_trainer.contract.azure import (
    DIGEST_TAG,
    OWNER_TAG,
    AzureAnswer,
    AzureReason,
    DataAsset,
    Entry,
    Workspace,
)
from comal_trainer.flags import Flags

# Azure's SDKs try again by themselves for minutes; here each try is ours to count.
PATIENCE: Final[Mapping[str, Any]] = {
    "retry_total": 0,
    "connection_timeout": 10,
    "read_timeout": 60,
}
_TRIES: Final = 3
# Whoever asks for more is asked again by the next Job.
_LONGEST_PAUSE: Final = 20


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace, and what to reach it with."""

    workspace: Workspace
    login: Path
    authorities: Path
    environment: Mapping[str, str]

    @classmethod
    def of(cls, flags: Flags) -> Self:
        """Return what a command line says."""
        given = flags.given
        return cls(given.target, given.login, given.authorities, flags.settings.environment)

    def identity(self) -> TokenCredential:
        """Return the login; raise AzureFailure without one."""
        return credential(self.workspace, self.login, self.environment, PATIENCE)

    def client(self) -> MLClient:
        """Return a client of the workspace; raise AzureFailure without a login."""
        target = self.workspace
        return MLClient(
            self.identity(),
            target.subscription,
            target.group,
            target.name,
            enable_telemetry=False,
            show_progress=False,
            **PATIENCE,
        )


def check(place: Place) -> AzureAnswer:
    """Return the workspace's id and region if it is reached."""

    def once() -> AzureAnswer:
        region = find(place.client(), place.workspace)
        return AzureAnswer(id=place.workspace.id, region=region)

    return answered(place, once)


def record(place: Place, entry: Entry, folder: Path) -> AzureAnswer:
    """Return the record's id once the version stands in the workspace, with the bytes of `folder`.

    May be repeated after any death: the upload is addressed by content, and a version is made
    once.
    """
    workspace = place.workspace

    def once() -> AzureAnswer:
        client = place.client()
        find(client, workspace)
        if not _is_there(client, workspace, entry):
            # First what the record points at: whoever finds it finds its data.
            for asset in entry.data:
                _point(client, workspace, asset)
            _make(client, workspace, entry, folder)
        return AzureAnswer(id=entry.id_in(workspace))

    return answered(place, once)


def answered(place: Place, once: Callable[[], AzureAnswer]) -> AzureAnswer:
    """Return what `once` answers, tried again for seconds; what it raises is an answer too."""
    # Its warnings say what our own sentences say, with addresses.
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    try:
        trust(place.workspace, place.authorities, place.environment)
    except AuthoritiesError as untrusting:
        return AzureFailure(AzureReason.CA_BUNDLE_MISSING, str(untrusting)).answer
    for number in range(1, _TRIES + 1):
        try:
            return once()
        except Exception as error:  # noqa: BLE001 - azure-ai-ml lets any exception through
            failure = failure_of(error, place.workspace, "calling Azure ML")
        if number == _TRIES or not failure.is_passing or failure.wait > _LONGEST_PAUSE:
            break
        print(f"attempt {number}: {failure.answer.error}; trying again", flush=True)
        time.sleep(max(failure.wait, 2 ** (number - 1)))
    return failure.answer


@contextmanager
def telling(workspace: Workspace, doing: str) -> Iterator[None]:
    """Turn what the SDK raises into an AzureFailure, but for what is merely not there."""
    try:
        yield
    except ResourceNotFoundError:
        raise
    except Exception as error:  # noqa: BLE001 - azure-ai-ml lets any exception through
        raise failure_of(error, workspace, doing) from None


def find(client: MLClient, workspace: Workspace) -> str:
    """Return the region of the workspace; raise AzureFailure where there is none."""
    try:
        with telling(workspace, f"looking for workspace {workspace.name}"):
            return str(client.workspaces.get(workspace.name).location or "")
    except ResourceNotFoundError:
        raise AzureFailure(
            AzureReason.WORKSPACE_NOT_FOUND,
            f"there is no workspace {workspace.name} in resource group {workspace.group} of"
            f" subscription {workspace.subscription}: correct one of the three, or make it",
        ) from None


def _is_there(client: MLClient, workspace: Workspace, entry: Entry) -> bool:
    """Return whether the version stands there as ours; raise AzureFailure for another's."""
    name = f"{entry.model}:{entry.version}"
    try:
        with telling(workspace, f"looking for model {name}"):
            found = client.models.get(entry.model, entry.version)
    except ResourceNotFoundError:
        return False
    tags = found.tags or {}
    if all(tags.get(key) == entry.tags.get(key) for key in (OWNER_TAG, DIGEST_TAG)):
        return True
    owner = tags.get(OWNER_TAG)
    whose = f"ModelVersion {owner} with another digest" if owner else "not made by Comal"
    raise AzureFailure(
        AzureReason.RECORD_CONFLICT,
        f"model {name} stands in workspace {workspace.name} already and is {whose:.200}: nothing"
        " of it was changed; delete it there, or register the model under another name",
    )


def _point(client: MLClient, workspace: Workspace, asset: DataAsset) -> None:
    """Make the data asset; its version comes from its digest, so that what is there is the same."""
    name = f"{asset.name}:{asset.version}"
    data = Data(
        path=asset.path,
        name=asset.name,
        version=asset.version,
        type=AssetTypes.URI_FILE,
        tags=dict(asset.tags),
    )
    try:
        with telling(workspace, f"looking for data {name}"):
            found = client.data.get(asset.name, asset.version)
    except ResourceNotFoundError:
        with telling(workspace, f"recording data {name}"):
            client.data.create_or_update(data)
        return
    if (found.tags or {}).get(DIGEST_TAG) != asset.tags[DIGEST_TAG]:
        raise AzureFailure(
            AzureReason.RECORD_CONFLICT,
            f"data {name} stands in workspace {workspace.name} already and is not made by Comal:"
            " nothing of it was changed; delete it there, or give the data another name",
        )


def _make(client: MLClient, workspace: Workspace, entry: Entry, folder: Path) -> None:
    model = Model(
        path=str(folder),
        name=entry.model,
        version=entry.version,
        type="custom_model",
        description=entry.description,
        tags=dict(entry.tags),
    )
    try:
        with telling(workspace, f"recording model {entry.model}:{entry.version}"):
            client.models.create_or_update(model)
    except AzureFailure as failure:
        # Somebody was faster, perhaps we ourselves by an answer that was lost.
        if failure.reason is AzureReason.RECORD_CONFLICT and _is_there(client, workspace, entry):
            return
        raise
