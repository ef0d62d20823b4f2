"""An Azure Container Registry, by azure-containerregistry as the SDK is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final

from azure.containerregistry import ContainerRegistryClient, DigestValidationError
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ResourceNotFoundError

from comal_trainer.artifact import Blob, blob_of
from comal_trainer.azure_ml.failure import AzureFailure, failure_of
from comal_trainer.azure_ml.login import credential
from comal_trainer.contract import MANIFEST_MEDIA_TYPE
from comal_trainer.contract.azure import AzureReason
from comal_trainer.contract.gateway import Upstream
from comal_trainer.gateway.store import PROBE, StoreFailure, not_found

# Whoever asks us tries again by itself. Pieces of the SDK's own size would be 4 KiB.
_PATIENCE: Final[dict[str, Any]] = {
    "retry_total": 2,
    "retry_backoff_factor": 0.5,
    "connection_timeout": 10,
    "read_timeout": 60,
    "connection_data_block_size": 1 << 18,
}
_LOGIN_PATIENCE: Final = {
    key: _PATIENCE[key]
    for key in ("retry_total", "retry_backoff_factor", "connection_timeout", "read_timeout")
}
# The SDK asks for a range of each blob; of nothing there is none.
_EMPTY: Final = blob_of(b"").digest
_PASSING: Final = (AzureReason.THROTTLED, AzureReason.UNAVAILABLE, AzureReason.PROXY_FAILED)


class AzureStore:
    """One registry of Azure's, reached as an identity of Entra's."""

    def __init__(self, upstream: Upstream, login: Path, environment: Mapping[str, str]) -> None:
        self._upstream = upstream
        self._login = login
        self._environment = environment
        # By the Secret's files: a new one holds from the next call on, an old login is kept.
        self._known: tuple[bytes, TokenCredential] | None = None

    def check(self) -> None:
        """See that the identity is known and may read."""
        try:
            with self._client("login") as client:
                client.get_manifest(f"{self._upstream.path}/{PROBE}", "check")
        except StoreFailure as failure:
            if failure.status != 404:
                raise

    def has(self, repository: str, digest: str) -> bool:
        """Return whether the blob is there; of its bytes only the first answer's head is read."""
        if digest == _EMPTY:
            return False
        try:
            with (
                self._client(f"look for {digest}") as client,
                client.download_blob(repository, digest),
            ):
                return True
        except StoreFailure as failure:
            if failure.status != 404:
                raise
            return False

    def put_blob(self, repository: str, blob: Blob, body: IO[bytes]) -> None:
        """Copy the body in the SDK's pieces of 4 MiB; it proves the digest that it counted."""
        with self._client(f"upload of {blob.digest}") as client:
            digest, size = client.upload_blob(repository, body)
        if (digest, size) != (blob.digest, blob.size):
            text = f"{blob.digest} arrived as {digest} with {size} bytes"
            raise StoreFailure("DigestInvalid", text, status=400)

    @contextmanager
    def blob(self, repository: str, digest: str) -> Iterator[Iterator[bytes]]:
        """Give the blob in the SDK's pieces; it raises at the end of other bytes."""
        if digest == _EMPTY:
            yield iter(())
            return
        with (
            self._client(f"download of {digest}") as client,
            client.download_blob(repository, digest) as stream,
        ):
            yield stream

    def put_manifest(self, repository: str, tag: str, manifest: bytes) -> str:
        """Return the digest of the manifest under its tag."""
        with self._client(f"tag {tag}") as client:
            return client.set_manifest(
                repository, BytesIO(manifest), tag=tag, media_type=MANIFEST_MEDIA_TYPE
            )

    def manifest(self, repository: str, reference: str) -> bytes:
        """Return the bytes: the SDK gives only what they say, and `register` writes it one way."""
        with self._client(f"manifest {reference}") as client:
            found = client.get_manifest(repository, reference)
        body = json.dumps(found.manifest, sort_keys=True, separators=(",", ":")).encode()
        if blob_of(body).digest != found.digest:
            text = f"manifest {reference} was not written by Comal"
            raise StoreFailure("ManifestUnknown", text, status=404)
        return body

    def _credential(self) -> TokenCredential:
        said = b"\0".join(one.read_bytes() for one in sorted(self._login.glob("[!.]*")))
        known = self._known
        if known is None or known[0] != said:
            made = credential(self._upstream, self._login, self._environment, _LOGIN_PATIENCE)
            known = self._known = (said, made)
        return known[1]

    @contextmanager
    def _client(self, doing: str) -> Iterator[ContainerRegistryClient]:
        """Give a client for one purpose: an old one's login never renews itself (1.2.0)."""
        where = f"{doing} at {self._upstream.host}"
        try:
            with ContainerRegistryClient(
                f"https://{self._upstream.host}", self._credential(), **_PATIENCE
            ) as client:
                yield client
        except ResourceNotFoundError:
            raise not_found(where) from None
        except DigestValidationError as error:
            raise StoreFailure("DigestInvalid", f"{where}: {error}", status=502) from None
        except (AzureError, AzureFailure, OSError) as error:
            raise _failure(error, self._upstream, where) from None
        except (KeyError, ValueError) as error:
            # What answers is no registry, and the SDK stumbles over it.
            text = f"{where}: the answer is none of a registry's ({type(error).__name__})"
            reason = AzureReason.UNAVAILABLE
            raise StoreFailure(reason, text, status=503, is_passing=True) from None


def _failure(error: BaseException, upstream: Upstream, doing: str) -> StoreFailure:
    found = failure_of(error, upstream, doing)
    # Who may not come in today may tomorrow: nothing is wrong with what is to be stored.
    passing = found.reason in _PASSING
    return StoreFailure(found.reason, str(found), status=503, is_passing=passing)
