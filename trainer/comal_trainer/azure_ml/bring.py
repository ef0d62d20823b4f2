"""`azure-import`: lay the files of a model of the workspace into the volume, whoever registered it.

azure-ai-ml says where they lie; its own download holds every blob in memory as a whole, so the
bytes come by azure-storage-blob, piece by piece.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from azure.ai.ml import MLClient
from azure.ai.ml.entities import AzureBlobDatastore, Model
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties, ContainerClient

from comal_trainer.azure_ml.failure import AzureFailure
from comal_trainer.azure_ml.record import PATIENCE, Place, answered, find, telling
from comal_trainer.card_values import check_path
from comal_trainer.contract.azure import AzureAnswer, AzureReason, Entry, Origin
from comal_trainer.failure import JobFailure
from comal_trainer.model_folder import MAX_FILES

_PIECE: Final = 4 * 1024 * 1024
_WHERE: Final = re.compile(r".*/datastores/(?P<store>[^/]+)/paths/(?P<path>.+?)/?")
# What a storage account with folders lists beside the files.
_FOLDER_MARK: Final = "hdi_isfolder"
# What the record of a version of ours has beside the files that were registered.
_OURS: Final = 2


def bring(place: Place, origin: Origin, folder: Path) -> AzureAnswer:
    """Return Azure's id of the version whose files now lie in `folder`; may be repeated."""

    def once() -> AzureAnswer:
        client = place.client()
        find(client, place.workspace)
        model = _model(place, client, origin)
        entry = Entry(model=origin.model, version=str(model.version))
        with _container(place, client, model) as (container, path):
            _download(place, container, path, folder)
        return AzureAnswer(id=entry.id_in(place.workspace))

    return answered(place, once)


def _model(place: Place, client: MLClient, origin: Origin) -> Model:
    which = {"version": origin.version} if origin.version else {"label": "latest"}
    try:
        with telling(place.workspace, f"looking for model {origin.uri}"):
            found: Model = client.models.get(origin.model, **which)
    except ResourceNotFoundError:
        raise AzureFailure(
            AzureReason.MODEL_NOT_FOUND,
            f"there is no model {origin.uri} in workspace {place.workspace.name}: correct"
            " spec.model.uri, or register it there",
        ) from None
    return found


class _container:  # noqa: N801 - used as a function, with its end
    """The container that holds the model's files, and the path below which they are."""

    def __init__(self, place: Place, client: MLClient, model: Model) -> None:
        where = _WHERE.fullmatch(str(model.path))
        if where is None:
            raise _unreadable(f"it lies at {model.path!s:.200}, which is no datastore's path")
        self._path = where["path"]
        store = self._store(place, client, where["store"])
        keys = store.credentials
        # A datastore without a key of its own means: by the identity of whoever asks.
        given = getattr(keys, "account_key", None) or getattr(keys, "sas_token", None)
        self._client = ContainerClient(
            f"https://{store.account_name}.blob.{store.endpoint}",
            store.container_name,
            credential=given or place.identity(),
            max_single_get_size=_PIECE,
            max_chunk_get_size=_PIECE,
            **PATIENCE,
        )

    @staticmethod
    def _store(place: Place, client: MLClient, name: str) -> AzureBlobDatastore:
        try:
            with telling(place.workspace, f"looking for datastore {name}"):
                found = client.datastores.get(name, include_secrets=True)
        except ResourceNotFoundError:
            raise _unreadable(f"its datastore {name:.80} is gone") from None
        if not isinstance(found, AzureBlobDatastore):
            raise _unreadable(f"its datastore {name:.80} is none of blobs")
        return found

    def __enter__(self) -> tuple[ContainerClient, str]:
        return self._client, self._path

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _download(place: Place, container: ContainerClient, path: str, folder: Path) -> None:
    with telling(place.workspace, f"listing the files at {path:.200}"):
        found = dict(_files(container, path))
    if not found:
        raise _unreadable(f"no file lies at {path:.200}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, blob in sorted(found.items()):
        doing = f"downloading {name:.200}"
        try:
            with telling(place.workspace, doing):
                _receive(container, blob, folder / name)
        except ResourceNotFoundError:
            raise _unreadable(f"{name:.200} was deleted while it was downloaded") from None
        print(f"{name}: {blob.size} bytes", flush=True)


def _files(container: ContainerClient, path: str) -> Iterator[tuple[str, BlobProperties]]:
    """Yield the model's files by the name that each gets: of a folder, or the one file it is."""
    count = 0
    for blob in container.list_blobs(name_starts_with=path, include=["metadata"]):
        if (blob.metadata or {}).get(_FOLDER_MARK) == "true":
            continue
        if blob.name == path:
            name = path.rpartition("/")[2]
        elif blob.name.startswith(f"{path}/"):
            name = blob.name.removeprefix(f"{path}/")
        else:
            continue
        count += 1
        if count > MAX_FILES + _OURS:
            raise _unreadable(f"it has more than {MAX_FILES} files")
        try:
            check_path("model", name)
        except JobFailure:
            raise _unreadable(f"the name {name!r:.200} may not be served: rename it") from None
        yield name, blob


def _receive(container: ContainerClient, blob: BlobProperties, target: Path) -> None:
    """Write one blob, piece by piece; what an earlier attempt has brought is kept."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    # Not a proof against anybody: it tells a torn download from a whole one.
    digest, size = hashlib.md5(usedforsecurity=False), 0
    stream: Any = container.download_blob(blob.name)
    try:
        with partial.open("wb") as file:
            for piece in stream.chunks():
                file.write(piece)
                digest.update(piece)
                size += len(piece)
    except OSError as error:
        text = f"the volume does not take {target.name:.200}: {error.strerror}"
        raise AzureFailure(AzureReason.FAILED, text) from None
    said = blob.content_settings.content_md5
    if size != blob.size or (said and bytes(said) != digest.digest()):
        seen = base64.b64encode(digest.digest()).decode()
        text = f"{blob.name:.200} came as {size} bytes with MD5 {seen}, not as it was listed"
        raise AzureFailure(AzureReason.UNAVAILABLE, text)
    partial.replace(target)


def _unreadable(why: str) -> AzureFailure:
    return AzureFailure(AzureReason.MODEL_UNREADABLE, f"the model cannot be imported: {why}")
