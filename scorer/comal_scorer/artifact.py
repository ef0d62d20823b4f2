"""An OCI model artifact: which files it promises, read from manifest bytes that match a digest.

Pure: bytes in, a frozen description or a `TerminationError` out. Nothing here trusts the registry.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import msgspec

from comal_scorer.contract import (
    ARTIFACT_TYPE,
    CONFIG_FILE,
    CONFIG_MEDIA_TYPE,
    FILE_MEDIA_TYPE,
    MANIFEST_FILE,
    TITLE_ANNOTATION,
    TerminationReason,
)
from comal_scorer.failure import TerminationError

MAX_MANIFEST_BYTES = 1024 * 1024
MAX_CONFIG_BYTES = 1024 * 1024
MAX_FILES = 1000
MAX_PATH_LENGTH = 512

# Where downloads lie until they are proved; see fetch.py.
PARTIAL_FOLDER = ".partial"

_RESERVED = frozenset({MANIFEST_FILE, CONFIG_FILE, PARTIAL_FOLDER})
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PATH_PART = re.compile(r"[A-Za-z0-9_+@=,() .-]{1,255}")


@dataclass(frozen=True, slots=True)
class Blob:
    """Content by its address: `sha256:…` and the size in bytes."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """One file of the artifact: its relative path below the model folder, and its content."""

    path: str
    blob: Blob


@dataclass(frozen=True, slots=True)
class Artifact:
    """Everything a manifest promises; `total_bytes` counts the files without the config."""

    digest: str
    config: Blob
    files: tuple[ArtifactFile, ...]

    @property
    def total_bytes(self) -> int:
        """Return the bytes of all files together."""
        return sum(file.blob.size for file in self.files)


class _Descriptor(msgspec.Struct, rename="camel"):
    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] = {}


class _Manifest(msgspec.Struct, rename="camel"):
    schema_version: int
    config: _Descriptor
    layers: list[_Descriptor]
    artifact_type: str = ""


def invalid(message: str) -> TerminationError:
    """Return the error for an artifact that no retry can make right."""
    return TerminationError(TerminationReason.ARTIFACT_INVALID, message)


def check_digest(digest: str, field: str) -> str:
    """Return the digest when it is a full SHA-256 one; raises `TerminationError` otherwise."""
    if not _DIGEST.fullmatch(digest):
        raise invalid(f"{field}: {digest[:80]!r} is no digest; write sha256: and 64 hex digits")
    return digest


def parse_manifest(body: bytes, digest: str) -> Artifact:
    """Return what the manifest promises, after proving that its bytes have this digest.

    Raises `TerminationError`: DigestMismatch for other bytes, ArtifactInvalid for a manifest that
    is not a model artifact or names a file that must not be written.
    """
    check_digest(digest, "digest")
    actual = "sha256:" + hashlib.sha256(body).hexdigest()
    if actual != digest:
        message = f"the manifest's bytes have digest {actual}, expected {digest}; register again"
        raise TerminationError(TerminationReason.DIGEST_MISMATCH, message)
    try:
        manifest = msgspec.json.decode(body, type=_Manifest)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise invalid(f"the manifest is not an OCI image manifest: {problem}") from None
    _check_types(manifest)
    files = tuple(_file(layer, index) for index, layer in enumerate(manifest.layers))
    _check_paths(files)
    config = _blob(manifest.config, "config")
    if config.size > MAX_CONFIG_BYTES:
        raise invalid(f"config.size: {config.size} bytes, at most {MAX_CONFIG_BYTES} are read")
    return Artifact(digest=digest, config=config, files=files)


def _check_types(manifest: _Manifest) -> None:
    if manifest.artifact_type != ARTIFACT_TYPE:
        raise invalid(f"artifactType: {manifest.artifact_type!r}, expected {ARTIFACT_TYPE!r}")
    if manifest.config.media_type != CONFIG_MEDIA_TYPE:
        found = manifest.config.media_type
        raise invalid(f"config.mediaType: {found!r}, expected {CONFIG_MEDIA_TYPE!r}")
    if not 1 <= len(manifest.layers) <= MAX_FILES:
        raise invalid(f"layers: {len(manifest.layers)} files, expected 1 to {MAX_FILES}")


def _blob(descriptor: _Descriptor, field: str) -> Blob:
    check_digest(descriptor.digest, f"{field}.digest")
    if descriptor.size < 0:
        raise invalid(f"{field}.size: {descriptor.size}, expected zero or more bytes")
    return Blob(digest=descriptor.digest, size=descriptor.size)


def _file(layer: _Descriptor, index: int) -> ArtifactFile:
    field = f"layers[{index}]"
    if layer.media_type != FILE_MEDIA_TYPE:
        raise invalid(f"{field}.mediaType: {layer.media_type!r}, expected {FILE_MEDIA_TYPE!r}")
    title = layer.annotations.get(TITLE_ANNOTATION)
    if title is None:
        raise invalid(f"{field}.annotations: {TITLE_ANNOTATION} is missing; it names the file")
    check_path(title, f"{field} title")
    return ArtifactFile(path=title, blob=_blob(layer, field))


def check_path(path: str, field: str) -> str:
    """Return the path when it stays below the model folder; raises `TerminationError` otherwise."""
    parts = path.split("/")
    # A leading slash, a doubled one and a trailing one all show up as an empty part.
    escapes = any(part in {"", ".", ".."} for part in parts)
    if escapes or len(path) > MAX_PATH_LENGTH or not all(map(_PATH_PART.fullmatch, parts)):
        shown = ascii(path[:80])
        raise invalid(f"{field}: {shown} is not a plain relative path inside the model folder")
    if parts[0] in _RESERVED:
        raise invalid(f"{field}: {path!r} is reserved by the scorer; rename the file")
    return path


def _check_paths(files: tuple[ArtifactFile, ...]) -> None:
    seen: set[str] = set()
    for file in files:
        if file.path in seen:
            raise invalid(f"layers: the title {file.path!r} appears twice")
        seen.add(file.path)
    for path in seen:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder in seen:
                raise invalid(f"layers: {folder!r} is both a file and a folder")
