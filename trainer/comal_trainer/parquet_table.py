"""Tables in parquet: described a batch at a time, so that memory does not grow with the file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from comal_trainer.contract.decimals import decimal_text
from comal_trainer.contract.statistics import Column, Statistics
from comal_trainer.failure import UserError
from comal_trainer.table_statistics import NOTHING

# Cells that are held at once, of however many columns.
_CELLS: Final = 1 << 20
# Read through a buffer of this size, not a column chunk, which may be the whole file.
_BUFFER: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ParquetTable:
    """The schema of a parquet file; its rows stay in the file."""

    path: Path
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def missing(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """Return the wanted columns that are not there."""
        return tuple(column for column in wanted if column not in self.columns)

    def describe(self, wanted: Sequence[str]) -> Statistics:
        """Return the statistics of these columns, in the table's order; raise UserError."""
        names = [name for name in self.columns if name in set(wanted)]
        found = {name: _Running() for name in names}
        with _told(self.path), _opened(self.path) as file:
            rows: int = file.metadata.num_rows
            if not rows:
                raise UserError(f"data: {self.path.name} is empty; expected rows")
            size = max(64, min(_CELLS // max(1, len(names)), 1 << 14))
            for batch in file.iter_batches(size, columns=names, use_threads=False):
                for name in names:
                    found[name].take(batch.column(name))
        return Statistics(rows, tuple(found[name].column(name) for name in names))


def read_parquet(path: Path) -> ParquetTable:
    """Return what the file says of itself; raise UserError when it is no parquet."""
    with _told(path), _opened(path) as file:
        columns = tuple(file.schema_arrow.names)
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise UserError(f"data: {path.name} has two columns named {twice[0]!r:.80}: rename one")
    if not columns:
        raise UserError(f"data: {path.name} has no columns")
    return ParquetTable(path, columns)


@dataclass(slots=True)
class _Running:
    """What is known of a column after some of its batches: count, mean and squares, merged."""

    nulls: int = 0
    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    is_numeric: bool = field(default=True)

    def take(self, values: Any) -> None:
        values = _decoded(values)
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            words = pc.utf8_lower(pc.utf8_trim_whitespace(values))
            said = pc.is_in(words, value_set=pa.array(sorted(NOTHING), values.type))
            self.nulls += values.null_count + (pc.sum(said).as_py() or 0)
            self.is_numeric = False
            return
        self.nulls += values.null_count
        if not _is_number(values.type):
            self.is_numeric = False
            return
        filled = pc.cast(values.drop_null(), pa.float64(), safe=False)
        numbers = filled.to_numpy(zero_copy_only=False)
        good = numbers[~np.isnan(numbers)]
        # As in CSV, where people's programs write NaN for nothing.
        self.nulls += len(numbers) - len(good)
        if len(good):
            self._add(good)

    def _add(self, numbers: Any) -> None:
        if not np.isfinite(numbers).all():
            self.is_numeric = False
            return
        count, mean = len(numbers), float(numbers.mean())
        squares = float(((numbers - mean) ** 2).sum())
        # Chan's way to join two sets: exact where sums of squares are not.
        total, apart = self.count + count, mean - self.mean
        self.squares += squares + apart * apart * self.count * count / total
        self.mean += apart * count / total
        self.count = total
        self.least = min(self.least, float(numbers.min()))
        self.most = max(self.most, float(numbers.max()))

    def column(self, name: str) -> Column:
        if not self.is_numeric or not self.count:
            return Column(name, self.nulls)
        deviation = math.sqrt(self.squares / self.count)
        numbers = (self.mean, deviation, self.least, self.most)
        return Column(name, self.nulls, *map(decimal_text, numbers))


def _decoded(values: Any) -> Any:
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _is_number(kind: Any) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with pq.ParquetFile(
        path, memory_map=False, buffer_size=_BUFFER, page_checksum_verification=True
    ) as file:
        yield file


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn whatever a broken file makes of itself into one sentence."""
    try:
        yield
    except UserError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        why = " ".join(str(error).split())
        raise UserError(f"data: {path.name} cannot be read as parquet: {why:.200}") from None
