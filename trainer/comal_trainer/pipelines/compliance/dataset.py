"""Texts and labels on disk: a CSV with the columns `text` and `label` for each split."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from comal_trainer.failure import UserError
from comal_trainer.files import write_atomically
from comal_trainer.settings import Settings

COLUMNS: Final = ("text", "label")
SPLITS: Final = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts with their labels (0 or 1)."""

    texts: tuple[str, ...]
    labels: npt.NDArray[np.float32]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.texts)


def data_folder(settings: Settings) -> Path:
    """Return the folder of this sample's data."""
    return settings.data_dir / "compliance"


def read_texts(path: Path) -> list[tuple[str, int]]:
    """Return the rows of a CSV; raise UserError naming the column or the line that is wrong."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            found = reader.fieldnames or []
            for column in COLUMNS:
                if column not in found:
                    told = f"the columns are {', '.join(found)[:200] or 'none'}"
                    raise UserError(f"data: {path.name} has no column {column!r}; {told}")
            return [_row(path, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"data: {path} cannot be read as CSV: {error!s:.200}") from None


def write_texts(path: Path, rows: Sequence[tuple[str, int]]) -> None:
    """Write such a CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def read_split(settings: Settings, split: str) -> Texts:
    """Return one split of the prepared data."""
    rows = read_texts(data_folder(settings) / f"{split}.csv")
    labels = np.array([label for _, label in rows], np.float32)
    return Texts(tuple(text for text, _ in rows), labels)


def _row(path: Path, line: int, row: dict[str, str | None]) -> tuple[str, int]:
    text, label = row["text"], row["label"]
    if text is None or label not in {"0", "1"}:
        raise UserError(f"data: {path.name}, line {line}: label is {label!r}, expected 0 or 1")
    return text, int(label)
