"""`seal`: count the outputs that a step declared, after it has exited with 0.

An evicted Pod can look as if it had succeeded; what it was to leave behind cannot.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from comal_trainer.contract import MAX_ERROR_CHARACTERS, JobError
from comal_trainer.contract.outputs import OUTPUT_MISSING, Output, Sealed
from comal_trainer.files import NotPlainFileError, open_plain
from comal_trainer.progress import progress


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or link below an output, by its path within it; the output itself is ''."""

    path: str
    digest: str
    size: int


class OutputError(ValueError):
    """An output that is not there, or that cannot be counted."""


def seal(workspace: Path, paths: Sequence[str]) -> Sealed:
    """Return what each output holds, or a sentence about all that are missing."""
    outputs, missing = [], []
    for number, path in enumerate(paths):
        progress(100 * number / len(paths), f"counting {path}")
        try:
            outputs.append(count(workspace, path))
        except OutputError as error:
            missing.append(str(error))
    if missing:
        text = ascii("; ".join(missing))[1:-1]
        return Sealed(error=JobError(OUTPUT_MISSING, text[:MAX_ERROR_CHARACTERS]))
    return Sealed(tuple(outputs))


def count(workspace: Path, path: str) -> Output:
    """Return the digest, bytes and files of one output; raise OutputError when it is not there."""
    entries = tuple(entries_of(workspace, path))
    return Output(digest_of(entries), sum(entry.size for entry in entries), len(entries))


def entries_of(workspace: Path, path: str) -> Iterator[Entry]:
    """Yield the files of one output, sorted by path; raise OutputError."""
    root = found(workspace, path)
    if not root.is_dir():
        yield _counted(root, "", path)
        return
    empty = True
    for one in _below(root):
        empty = False
        yield _counted(one, one.relative_to(root).as_posix(), path)
    if empty:
        raise OutputError(f"output {path} is an empty folder")


def digest_of(entries: Sequence[Entry]) -> str:
    """Return the digest of an output: a file's own, or that of the list of a folder's files."""
    if len(entries) == 1 and not entries[0].path:
        return entries[0].digest
    listed = hashlib.sha256()
    for entry in entries:
        # No name of a file holds a NUL; a line break it may.
        listed.update(f"{entry.digest} ".encode() + os.fsencode(entry.path) + b"\0")
    return f"sha256:{listed.hexdigest()}"


def found(workspace: Path, path: str) -> Path:
    """Return where an output is, reached through folders alone; raise OutputError."""
    at = workspace
    for part in Path(path).parts:
        at = at / part
        try:
            mode = at.lstat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            raise OutputError(f"output {path} is not in the workspace") from None
        if stat.S_ISLNK(mode):
            # It may lead anywhere, and to something else tomorrow.
            raise OutputError(f"output {path} is a link: write a file or a folder there")
    if path.endswith("/") and not at.is_dir():
        raise OutputError(f"output {path} is a file, not a folder")
    return at


def _below(folder: Path) -> list[Path]:
    def fail(error: OSError) -> None:
        raise error

    found = []
    for at, folders, files in os.walk(folder, onerror=fail):
        links = [name for name in folders if Path(at, name).is_symlink()]
        found += [Path(at, name) for name in (*files, *links)]
    return sorted(found, key=lambda path: os.fsencode(path.relative_to(folder)))


def _counted(path: Path, name: str, output: str) -> Entry:
    if path.is_symlink():
        # Inside a folder links are common (a newest checkpoint); they count by where they point.
        target = os.fsencode(path.readlink())
        return Entry(name, f"sha256:{hashlib.sha256(b'link ' + target).hexdigest()}", 0)
    try:
        with open_plain(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Entry(name, f"sha256:{digest}", file.tell())
    except NotPlainFileError as error:
        raise OutputError(f"output {output}: {error}") from None
    except FileNotFoundError:
        raise OutputError(f"output {output}: {name or path.name} vanished: is it done?") from None
