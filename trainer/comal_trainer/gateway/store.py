"""What the gateway needs of the registry behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import IO, Protocol

from comal_trainer.artifact import Blob

# A manifest has a line for each file; ours are far below what registries take.
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
# Nobody has this repository: whether we may ask is all that is of interest.
PROBE = "comal-check"


class StoreFailure(Exception):  # noqa: N818 - it is an answer, not a crash
    """Why the registry did not do what was asked."""

    def __init__(self, reason: str, message: str, *, status: int, is_passing: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status
        """What the caller in the cluster is told: 503 is asked again."""
        self.is_passing = is_passing
        """Whether nobody has to do anything about it."""


class BrokenBodyError(Exception):
    """Whoever sent the bytes went away."""


class Store(Protocol):
    """One registry. Repositories are full names there; each call raises StoreFailure."""

    def check(self) -> None:
        """See that we are let in."""

    def has(self, repository: str, digest: str) -> bool:
        """Return whether the blob is there."""

    def put_blob(self, repository: str, blob: Blob, body: IO[bytes]) -> None:
        """Copy the body to the registry, and prove what arrived."""

    def blob(self, repository: str, digest: str) -> AbstractContextManager[Iterator[bytes]]:
        """Give the blob's bytes, piece by piece."""

    def put_manifest(self, repository: str, tag: str, manifest: bytes) -> str:
        """Return the digest of a manifest that has a tag now."""

    def manifest(self, repository: str, reference: str) -> bytes:
        """Return a manifest's own bytes."""


def not_found(what: str) -> StoreFailure:
    """Return that something is not there."""
    return StoreFailure("NotFound", f"{what} is not there", status=404)
