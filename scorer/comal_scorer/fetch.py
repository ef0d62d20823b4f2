"""Download one artifact by digest into a folder, proving every byte before it gets its name."""

from __future__ import annotations

import hashlib
import os
import shutil
from functools import partial
from http.client import HTTPResponse
from pathlib import Path

from comal_scorer.artifact import PARTIAL_FOLDER, Artifact, Blob, check_digest, parse_manifest
from comal_scorer.contract import CONFIG_FILE, MANIFEST_FILE, TerminationReason
from comal_scorer.failure import TerminationError
from comal_scorer.registry import Registry, refuse_broken_stream
from comal_scorer.verification import mismatch, verify_blob, verify_folder

_CHUNK = 1024 * 1024


def fetch(registry: Registry, digest: str, target: Path, max_bytes: int) -> Artifact:
    """Return the artifact that now lies, proved, in `target`; may be repeated after any death.

    A file appears under its own name only when its digest was checked, and `manifest.json` comes
    last, so its presence says that all the rest is there. Raises `TerminationError`.
    """
    check_digest(digest, "--digest")
    try:
        if (target / MANIFEST_FILE).exists():
            return verify_folder(target, digest)
        return _download(registry, digest, target, max_bytes)
    except OSError as problem:
        message = f"{target} cannot be written: {problem}; give the model volume more space"
        raise TerminationError(TerminationReason.STORAGE_FAILED, message) from None


def _download(registry: Registry, digest: str, target: Path, max_bytes: int) -> Artifact:
    body = registry.manifest(digest)
    artifact = parse_manifest(body, digest)
    if artifact.total_bytes > max_bytes:
        message = (
            f"the artifact has {artifact.total_bytes} bytes, more than --max-bytes {max_bytes}; "
            "raise the limit or register a smaller model"
        )
        raise TerminationError(TerminationReason.ARTIFACT_INVALID, message)
    partial_folder = target / PARTIAL_FOLDER
    shutil.rmtree(partial_folder, ignore_errors=True)
    partial_folder.mkdir(parents=True)
    _place(registry, artifact.config, target, CONFIG_FILE)
    for file in artifact.files:
        _place(registry, file.blob, target, file.path)
    manifest = partial_folder / MANIFEST_FILE
    manifest.write_bytes(body)
    manifest.replace(target / MANIFEST_FILE)
    shutil.rmtree(partial_folder)
    return verify_folder(target, digest)


def _place(registry: Registry, blob: Blob, target: Path, name: str) -> None:
    """Put one proved file under its name; one that an earlier try left there is kept."""
    path = target / name
    if path.exists():
        verify_blob(path, blob, name)
        return
    partial_path = target / PARTIAL_FOLDER / blob.digest.removeprefix("sha256:")
    actual = registry.blob(blob.digest, partial(_receive, partial_path, blob.size))
    if actual != blob:
        raise mismatch(name, actual, blob)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_path.replace(path)


def _receive(path: Path, size: int, stream: HTTPResponse) -> Blob:
    """Write the stream to the path, at most a byte more than promised; return what it was."""
    digest = hashlib.sha256()
    received = 0
    with path.open("wb") as file:
        while chunk := stream.read(min(_CHUNK, size + 1 - received)):
            digest.update(chunk)
            received += len(chunk)
            file.write(chunk)
        if received <= size:
            refuse_broken_stream(stream)
        file.flush()
        os.fsync(file.fileno())
    return Blob("sha256:" + digest.hexdigest(), received)
