"""`restore`: copy an equal step's outputs out of another run's workspace, verified on the way.

Nothing appears under its name before its digest has been found right. What was copied once is
noted in the workspace, so that a second attempt neither copies again nor overwrites what a later
step has changed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from comal_trainer.contract import MAX_ERROR_CHARACTERS, JobError
from comal_trainer.contract.outputs import CACHE_INVALID, RESTORED_DIR, Restored
from comal_trainer.files import NotPlainFileError, open_plain, write_atomically
from comal_trainer.progress import progress
from comal_trainer.seal import OutputError, count, found

Pairs = Sequence[tuple[str, str]]


def restore(workspace: Path, step: str, pairs: Pairs, source: Path) -> Restored:
    """Return how many bytes were copied, or which output is not what its digest says."""
    note = workspace / RESTORED_DIR / f"{step}.json"
    wanted = json.dumps([list(pair) for pair in pairs]).encode()
    if note.is_file() and note.read_bytes() == wanted:
        return Restored()
    staging = note.with_suffix(".partial")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        if source == workspace:  # runs that share a claim: it is there, or is something else by now
            size = sum(_verified(workspace, path, digest) for path, digest in pairs)
        else:
            size = sum(_copied(source, path, digest, staging) for path, digest in pairs)
            for path, _ in pairs:
                _put(staging / path, workspace / path)
    except OutputError as error:
        text = ascii(str(error))[1:-1]
        return Restored(error=JobError(CACHE_INVALID, text[:MAX_ERROR_CHARACTERS]))
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    write_atomically(note, wanted)
    progress(100, f"restored {len(pairs)} outputs of {step}, {size} bytes")
    return Restored(size=size)


def _copied(source: Path, path: str, digest: str, staging: Path) -> int:
    """Return the bytes of one output whose copy in `staging` has that digest."""
    at, copy = found(source, path), staging / path
    progress(0, f"copying {path}")
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        if at.is_dir():
            shutil.copytree(at, copy, symlinks=True, copy_function=_copy)
        else:
            _copy(at, copy)
    except NotPlainFileError as error:
        raise OutputError(f"output {path}: {error}") from None
    # The copy, not the source: that is what the next step reads.
    return _verified(staging, path, digest)


def _verified(folder: Path, path: str, digest: str) -> int:
    counted = count(folder, path)
    if counted.digest != digest:
        raise OutputError(f"output {path} has digest {counted.digest}, its entry says {digest}")
    return counted.size


def _copy(source: str | Path, target: str | Path) -> None:
    with open_plain(Path(source)) as file, Path(target).open("wb") as copy:
        shutil.copyfileobj(file, copy, 1024 * 1024)
    shutil.copymode(source, target)


def _put(copy: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
    copy.rename(target)
