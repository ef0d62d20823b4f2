"""A zip of folders of JPEG: fetched, proved by its digest, read picture by picture."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import urlsplit

import requests
from PIL import Image

from comal_trainer.contract import ExitCode
from comal_trainer.failure import UnavailableError, UserError
from comal_trainer.pictures.dataset import Picture
from comal_trainer.progress import progress

MAX_ZIP_BYTES: Final = 4 * 1024**3
MAX_PICTURE_BYTES: Final = 32 * 1024**2
_SUFFIXES: Final = frozenset({".jpg", ".jpeg"})
_LABEL: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .-]{0,62}")


def fetch(url: str, target: Path, sha256: str | None) -> None:
    """Download a zip; raises UserError for a wrong address or digest, UnavailableError else."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UserError(f"zipfile: {url[:200]!r} is no http or https address", ExitCode.USAGE)
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    received = 0
    try:
        with requests.get(url, stream=True, timeout=(10, 60)) as answer, target.open("wb") as file:
            _check_status(url, answer.status_code)
            for chunk in answer.iter_content(1024 * 1024):
                received += len(chunk)
                if received > MAX_ZIP_BYTES:
                    raise UserError(f"zipfile: {url} is larger than {MAX_ZIP_BYTES} bytes")
                digest.update(chunk)
                file.write(chunk)
    except requests.RequestException as error:
        raise UnavailableError(f"zipfile: {url}: {error!s:.200}") from None
    found = digest.hexdigest()
    progress(20, f"fetched {received} bytes, sha256 {found}")
    if sha256 is not None and found != sha256.lower().removeprefix("sha256:"):
        raise UserError(f"sha256: {url} has {found}, expected {sha256[:80]}")


def read_pictures(path: Path) -> list[Picture]:
    """Return the pictures that decode, labelled by their folder; names the skipped ones in the log.

    Raises UserError when the file is no zip.
    """
    pictures = []
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in sorted(archive.infolist(), key=lambda item: item.filename):
                if not entry.is_dir():
                    picture = _picture(archive, entry)
                    pictures += [picture] if picture is not None else []
    except zipfile.BadZipFile as error:
        raise UserError(f"zipfile: not a zip: {error}") from None
    return pictures


def _picture(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Picture | None:
    name = PurePosixPath(entry.filename)
    shown = ascii(entry.filename[:200])
    label = name.parent.name
    # Only the last folder's name is used, and never as a path: an entry may say `../../etc`.
    if name.suffix.lower() not in _SUFFIXES or not _LABEL.fullmatch(label) or ".." in label:
        _skipped(shown, "not a .jpg in a folder named after its label")
        return None
    if entry.file_size > MAX_PICTURE_BYTES:
        _skipped(shown, f"larger than {MAX_PICTURE_BYTES} bytes")
        return None
    try:
        content = archive.read(entry)
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
                image.convert("RGB")
    except Exception as error:  # noqa: BLE001 - decoders raise whatever the bytes provoke
        _skipped(shown, f"does not decode: {error!s:.100}")
        return None
    return Picture(label, content, entry.filename)


def _skipped(name: str, reason: str) -> None:
    print(f"skipped {name}: {reason}", flush=True)


def _check_status(url: str, status: int) -> None:
    if status >= 500 or status in {408, 429}:
        raise UnavailableError(f"zipfile: {url} answered HTTP {status}")
    if status != 200:
        raise UserError(f"zipfile: {url} answered HTTP {status}")
