"""Proof that a folder is exactly the artifact of a digest: no byte and no file else."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from comal_scorer.artifact import MAX_MANIFEST_BYTES, Artifact, Blob, invalid, parse_manifest
from comal_scorer.contract import CONFIG_FILE, MANIFEST_FILE, TerminationReason
from comal_scorer.failure import TerminationError


def verify_folder(folder: Path, digest: str) -> Artifact:
    """Return the artifact whose files, all of them and nothing else, lie in the folder.

    Raises `TerminationError`: ArtifactNotFound without a manifest, DigestMismatch for any other
    byte, ArtifactInvalid for a link, a device or a file that the manifest does not name.
    """
    artifact = parse_manifest(_read_manifest(folder), digest)
    verify_blob(folder / CONFIG_FILE, artifact.config, CONFIG_FILE)
    for file in artifact.files:
        verify_blob(folder / file.path, file.blob, file.path)
    expected = {MANIFEST_FILE, CONFIG_FILE, *(file.path for file in artifact.files)}
    for path in _files_below(folder):
        if path not in expected:
            raise invalid(f"{path!r} lies in the model folder but is not part of {digest}")
    return artifact


def verify_blob(path: Path, blob: Blob, name: str) -> None:
    """Raise `TerminationError` unless the path is a regular file with these bytes."""
    try:
        found = path.lstat()
    except OSError:
        message = f"{name!r} of the artifact is missing in the model folder; fetch it again"
        raise TerminationError(TerminationReason.DIGEST_MISMATCH, message) from None
    if not stat.S_ISREG(found.st_mode):
        raise invalid(f"{name!r} in the model folder is not a regular file")
    with path.open("rb") as content:
        actual = "sha256:" + hashlib.file_digest(content, "sha256").hexdigest()
    if found.st_size != blob.size or actual != blob.digest:
        raise mismatch(name, Blob(actual, found.st_size), blob)


def mismatch(name: str, actual: Blob, expected: Blob) -> TerminationError:
    """Return the error for a file whose bytes are not the registered ones."""
    message = (
        f"{name!r} has digest {actual.digest} ({actual.size} bytes), expected {expected.digest} "
        f"({expected.size} bytes): the stored file was changed; register the model again"
    )
    return TerminationError(TerminationReason.DIGEST_MISMATCH, message)


def _read_manifest(folder: Path) -> bytes:
    path = folder / MANIFEST_FILE
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise invalid(f"{MANIFEST_FILE!r} in the model folder is not a regular file")
        with path.open("rb") as content:
            body = content.read(MAX_MANIFEST_BYTES + 1)
    except OSError as problem:
        message = f"{folder} holds no fetched model ({problem.strerror}); run fetch first"
        raise TerminationError(TerminationReason.ARTIFACT_NOT_FOUND, message) from None
    if len(body) > MAX_MANIFEST_BYTES:
        raise invalid(f"{MANIFEST_FILE!r} is longer than {MAX_MANIFEST_BYTES} bytes")
    return body


def _files_below(folder: Path) -> Iterator[str]:
    for parent, folders, files in os.walk(folder, followlinks=False):
        # os.walk lists a link to a folder among the folders; it is a stranger all the same.
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        for name in (*files, *links):
            yield str((Path(parent) / name).relative_to(folder))
