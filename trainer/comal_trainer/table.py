"""Tables in CSV: a line of column names, then rows. What is wrong is told with column and line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from comal_trainer.failure import UserError
from comal_trainer.files import write_atomically

# How such a file begins.
PARQUET: Final = b"PAR1"


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of a CSV as text, by column name."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def missing(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """Return the wanted columns that are not there."""
        return tuple(column for column in wanted if column not in self.columns)

    def cells(self, column: str) -> list[str]:
        """Return one column, as text."""
        place = self.columns.index(column)
        return [row[place] for row in self.rows]

    def numbers(self, wanted: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return these columns in this order, rows first; raise UserError for what is no number."""
        if missing := self.missing(wanted):
            told = f"has no column {', '.join(map(repr, missing))[:600]}"
            raise UserError(f"data: {self.name} {told}; it has {', '.join(self.columns)[:300]}")
        places = [self.columns.index(column) for column in wanted]
        try:
            values = np.array([[row[place] for place in places] for row in self.rows], np.float64)
        except ValueError:
            raise self._no_number(wanted) from None
        values = values.reshape(len(self.rows), len(wanted))
        if not np.isfinite(values).all():
            raise self._no_number(wanted)
        return values

    def _no_number(self, wanted: Sequence[str]) -> UserError:
        for line, row in enumerate(self.rows, start=2):
            for column in wanted:
                text = row[self.columns.index(column)]
                try:
                    good = bool(np.isfinite(float(text)))
                except ValueError:
                    good = False
                if not good:
                    where = f"{self.name}, line {line}, column {column}"
                    return UserError(f"data: {where}: {text[:40]!r} is no finite number")
        return UserError(f"data: {self.name} holds no numbers")


def read_table(path: Path) -> Table:
    """Return the table of a CSV file; raise UserError when it is none."""
    try:
        with path.open("rb") as raw:
            if raw.read(len(PARQUET)) == PARQUET:
                told = "is parquet, which check-data alone reads: write it as CSV"
                raise UserError(f"data: {path.name} {told}")
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            columns = tuple(next(reader, ()))
            rows = tuple(tuple(row) for row in reader if row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"data: {path} cannot be read as CSV: {error!s:.200}") from None
    if not columns or not rows:
        raise UserError(f"data: {path.name} is empty; expected column names and rows")
    for line, row in enumerate(rows, start=2):
        if len(row) != len(columns):
            told = f"{len(row)} cells, the first line names {len(columns)}"
            raise UserError(f"data: {path.name}, line {line}: {told}")
    return Table(path.name, columns, rows)


def write_table(path: Path, columns: Sequence[str], rows: npt.NDArray[Any]) -> None:
    """Write such a file; every number is written so that reading gives the same one."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([repr(value) for value in row] for row in rows.tolist())
    write_atomically(path, text.getvalue().encode())
