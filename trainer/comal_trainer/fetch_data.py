"""`fetch-data`: lay the run's data into the workspace, checked, before the first step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from comal_trainer.contract import MAX_ERROR_CHARACTERS, JobError
from comal_trainer.contract.data import (
    DATA_DIGEST_MISMATCH,
    DATA_INVALID,
    DATA_PATH,
    DATA_TOO_LARGE,
    Fetched,
    FetchedData,
    Source,
    claim_of,
    is_claim,
)
from comal_trainer.data_digest import describe
from comal_trainer.download import DataError, download
from comal_trainer.files import NotPlainFileError, files_below, write_atomically
from comal_trainer.progress import progress

# What is left for the steps themselves: a volume filled to the brim fails in stranger places.
_SPARE_BYTES = 16 * 2**20


def fetch_data(workspace: Path, sources: Sequence[Source], claims: Path) -> FetchedData:
    """Return what each source is, or why one cannot be had; bad data never raises."""
    found = []
    for number, source in enumerate(sources):
        progress(100 * number / len(sources), f"data {source.name}")
        try:
            found.append(_fetch(workspace, source, claims))
        except DataError as error:
            text = ascii(f"data {source.name}: {error}")[1:-1]
            return FetchedData(error=JobError(error.reason, text[:MAX_ERROR_CHARACTERS]))
    return FetchedData(tuple(found))


def _fetch(workspace: Path, source: Source, claims: Path) -> Fetched:
    """Return what lies in data/<name>/, brought there unless it lies there already."""
    folder = workspace / DATA_PATH / source.name
    # Beside the folder, not in it: steps find the data and nothing else.
    note = workspace / ".comal" / "data" / f"{source.name}.json"
    there = _already(folder, note, source)
    if there is not None:
        print(f"data {source.name}: already there, {there.digest}", flush=True)
        return there
    room = shutil.disk_usage(_existing(workspace)).free - _SPARE_BYTES
    partial = folder.with_name(f".{source.name}.partial")
    _remove(partial)
    partial.mkdir(parents=True)
    try:
        if is_claim(source.uri):
            _copy(claims / source.name, claim_of(source.uri)[1], partial, room)
        else:
            download(source.uri, partial, room)
        fetched = describe(source.name, partial)
    except NotPlainFileError as error:
        raise DataError(DATA_INVALID, str(error)) from None
    if source.sha256 and fetched.digest != f"sha256:{source.sha256}":
        _remove(partial)
        told = f"{source.uri} has {fetched.digest}, and the run asks for sha256:{source.sha256}:"
        raise DataError(DATA_DIGEST_MISMATCH, f"{told} correct sha256, or the data")
    _remove(folder)
    partial.rename(folder)
    write_atomically(note, json.dumps([source.uri, fetched.digest]).encode())
    return fetched


def _already(folder: Path, note: Path, source: Source) -> Fetched | None:
    """Return what lies there if it is what an earlier attempt brought from the same place."""
    try:
        uri, digest = json.loads(note.read_bytes())
        found = describe(source.name, folder)
    except (OSError, ValueError, DataError):
        return None
    wanted = f"sha256:{source.sha256}" if source.sha256 else digest
    return found if uri == source.uri and found.digest == digest == wanted else None


def _copy(claim: Path, path: str, target: Path, room: int) -> None:
    root = claim / path
    if ".." in Path(path).parts:
        raise DataError(DATA_INVALID, f"{path}: a path on a claim has no ..")
    if not root.exists():
        raise DataError(DATA_INVALID, f"{path or '/'} does not exist on the claim")
    pairs = [(root, root.name)] if not root.is_dir() else []
    if root.is_dir():
        pairs = [(file, file.relative_to(root).as_posix()) for file in files_below(root)]
    size = sum(file.lstat().st_size for file, _ in pairs)
    if size > room:
        message = f"{size} bytes do not fit into the {max(room, 0)} that the workspace has left"
        raise DataError(DATA_TOO_LARGE, f"{message}: raise workspace.size")
    for file, name in pairs:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place, follow_symlinks=False)


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
