"""Reading and writing inside a workspace that other people's programs have filled."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

_NEVER_WAIT_NEVER_FOLLOW = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotPlainFileError(ValueError):
    """A link, a pipe, a folder or a device where a plain file is expected."""


def open_plain(path: Path) -> BufferedReader:
    """Return a plain file, open for reading.

    Raises NotPlainFileError for anything else (a pipe would block for ever, a link could lead
    out of the workspace), FileNotFoundError when nothing is there.
    """
    try:
        descriptor = os.open(path, _NEVER_WAIT_NEVER_FOLLOW)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NotPlainFileError(f"{path.name}: not a plain file ({error.strerror})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotPlainFileError(f"{path.name}: not a plain file")
    return os.fdopen(descriptor, "rb")


def files_below(folder: Path) -> Iterator[Path]:
    """Yield all plain files below a folder, sorted by relative path; raise NotPlainFileError."""
    for entry in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        mode = entry.lstat().st_mode
        if stat.S_ISREG(mode):
            yield entry
        elif not stat.S_ISDIR(mode):
            name = entry.relative_to(folder).as_posix()
            raise NotPlainFileError(f"{name}: not a plain file; links and pipes are not kept")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that no reader, and no restart, ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
