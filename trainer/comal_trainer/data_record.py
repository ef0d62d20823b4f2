"""What a model was trained on: a list of files by digest, which travels with the model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from comal_trainer.failure import UserError
from comal_trainer.files import open_plain, write_atomically

LIST_FILE: Final = "data.txt"
RECORD_FILE: Final = "data.json"


@dataclass(frozen=True, slots=True)
class DataRecord:
    """One set of data; `sha256` is that of the list, which holds the digest of every file.

    `generated` data was made by a program: a metric on it says nothing about the world.
    """

    source: str
    generated: bool
    rows: int
    sha256: str

    @property
    def as_metric(self) -> dict[str, float]:
        """Return what metrics.json must say where the data is generated."""
        return {"generated_data": 1.0} if self.generated else {}

    def for_card(self) -> dict[str, object]:
        """Return the card's field `data`."""
        return {"list": LIST_FILE, **asdict(self)}

    @classmethod
    def read(cls, folder: Path, command: str) -> Self:
        """Return the record of prepared data; raise UserError naming the command that makes it."""
        try:
            value = json.loads((folder / RECORD_FILE).read_bytes())
            return cls(
                source=str(value["source"]),
                generated=value["generated"] is True,
                rows=int(value["rows"]),
                sha256=str(value["sha256"]),
            )
        except (OSError, ValueError, TypeError, KeyError):
            message = f"no prepared data in the workspace; run `{command}` first"
            raise UserError(message) from None


def record_data(
    folder: Path, files: Iterable[Path], *, source: str, generated: bool, rows: int
) -> DataRecord:
    """Write the list and, last, the record of a folder's files; return the record."""
    lines = [f"{_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    text = "".join(lines).encode()
    write_atomically(folder / LIST_FILE, text)
    record = DataRecord(source, generated, rows, hashlib.sha256(text).hexdigest())
    write_atomically(folder / RECORD_FILE, json.dumps(asdict(record), indent=2).encode())
    return record


def _digest(path: Path) -> str:
    with open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
