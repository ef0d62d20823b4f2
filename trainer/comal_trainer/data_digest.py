"""What a file or a folder of data is: digest, bytes, and rows where it is a table."""

from __future__ import annotations

import csv
import hashlib
import hmac
from pathlib import Path

from comal_trainer.contract.data import DATA_INVALID, Fetched
from comal_trainer.download import DataError
from comal_trainer.files import files_below, open_plain

_CHUNK = 1 << 20


def describe(name: str, folder: Path) -> Fetched:
    """Return what lies in a source's folder.

    One file has its own digest; several have that of the list `<sha256>  <path>`, a line each in
    the order of the paths, as `sha256sum` writes it. Raises DataError when nothing is there.
    """
    files = [(file, file.relative_to(folder).as_posix()) for file in files_below(folder)]
    if not files:
        raise DataError(DATA_INVALID, "it holds no file")
    digests = [(sha256_of(file), path) for file, path in files]
    if len(digests) == 1:
        digest = digests[0][0]
    else:
        listed = "".join(f"{digest}  {path}\n" for digest, path in digests)
        digest = hashlib.sha256(listed.encode()).hexdigest()
    rows = [rows_of(file) for file, _ in files]
    tables = [count for count in rows if count >= 0]
    size = sum(file.lstat().st_size for file, _ in files)
    return Fetched(name, f"sha256:{digest}", size, sum(tables) if tables else -1)


def sha256_of(path: Path) -> str:
    """Return the hexadecimal sha256 of a plain file."""
    with open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hmac_of(path: Path, key: str) -> str:
    """Return the HMAC-SHA256 of a plain file in upper-case hexadecimal, as seed 1 signs (T18)."""
    found = hmac.new(key.encode(), digestmod=hashlib.sha256)
    with open_plain(path) as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest().upper()


def rows_of(path: Path) -> int:
    """Return the rows of a .csv (without its header) or .jsonl file; -1 for anything else."""
    kind = path.suffix.lower()
    if kind == ".jsonl":
        with open_plain(path) as lines:
            return sum(1 for line in lines if line.strip())
    if kind != ".csv":
        return -1
    with path.open(newline="", encoding="utf-8", errors="replace") as text:
        try:
            return max(sum(1 for row in csv.reader(text) if row) - 1, 0)
        except csv.Error:
            return -1
