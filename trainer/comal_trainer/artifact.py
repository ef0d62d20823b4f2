"""A package as an OCI artifact: the same folder gives the same manifest, byte for byte."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from comal_trainer.card_values import check_path
from comal_trainer.contract import (
    ARTIFACT_TYPE,
    CONFIG_MEDIA_TYPE,
    FILE_MEDIA_TYPE,
    MANIFEST_MEDIA_TYPE,
    MODEL_FILE,
    TITLE_ANNOTATION,
    Reason,
)
from comal_trainer.failure import JobFailure
from comal_trainer.files import NotPlainFileError, files_below, open_plain
from comal_trainer.model_card import read_card


@dataclass(frozen=True, slots=True)
class Blob:
    """Content by its address."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Artifact:
    """Everything to push: the files by path, the config's and the manifest's bytes."""

    files: tuple[tuple[str, Blob], ...]
    config: bytes
    manifest: bytes

    @property
    def digest(self) -> str:
        """Return the digest by which the artifact is known."""
        return blob_of(self.manifest).digest

    @property
    def size(self) -> int:
        """Return the bytes of all files together."""
        return sum(blob.size for _, blob in self.files)


def artifact_of(package: Path) -> Artifact:
    """Return the artifact of what `convert` wrote; raise JobFailure (PackageMissing)."""
    try:
        paths = [path.relative_to(package).as_posix() for path in files_below(package)]
        if MODEL_FILE not in paths:
            raise JobFailure(Reason.PACKAGE_MISSING, f"the package has no {MODEL_FILE}")
        card = read_card(package, completed=True)
        served = card.served_file
        if not any(path == served or path.startswith(f"{served}/") for path in paths):
            raise JobFailure(Reason.PACKAGE_MISSING, f"the package has no {served}")
        files = tuple((check_path("package", path), _hashed(package / path)) for path in paths)
    except (NotPlainFileError, FileNotFoundError) as error:
        raise JobFailure(Reason.PACKAGE_MISSING, f"package: {error}") from None
    config = _canonical(dict(card.content))
    return Artifact(files=files, config=config, manifest=_manifest(files, config))


def blob_of(content: bytes) -> Blob:
    """Return the address of these bytes."""
    return Blob(f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))


def _manifest(files: tuple[tuple[str, Blob], ...], config: bytes) -> bytes:
    # No dates and no tool's version: they would give the same model another digest.
    layers = [
        {**_descriptor(FILE_MEDIA_TYPE, blob), "annotations": {TITLE_ANNOTATION: path}}
        for path, blob in files
    ]
    return _canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_MEDIA_TYPE,
            "artifactType": ARTIFACT_TYPE,
            "config": _descriptor(CONFIG_MEDIA_TYPE, blob_of(config)),
            "layers": layers,
        }
    )


def _descriptor(media_type: str, blob: Blob) -> dict[str, object]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}


def _canonical(value: dict[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _hashed(path: Path) -> Blob:
    with open_plain(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Blob(f"sha256:{digest}", file.tell())
