"""`check-data`: a table's columns, empty cells and drift, each failure with its own reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from comal_trainer.contract import MAX_ERROR_CHARACTERS, ContractError, JobError
from comal_trainer.contract.data_check import CheckedData, DataProblem
from comal_trainer.contract.statistics import Column, Statistics
from comal_trainer.failure import UserError
from comal_trainer.files import write_atomically
from comal_trainer.settings import Settings
from comal_trainer.table import PARQUET, Table, read_table
from comal_trainer.table_statistics import describe

if TYPE_CHECKING:
    from comal_trainer.parquet_table import ParquetTable

_MOST_TOLD = 5


class DataRefusedError(UserError):
    """Data that no training should see; `answer` is what the operator is told."""

    def __init__(self, problem: DataProblem, message: str) -> None:
        super().__init__(f"{problem}: {message}")
        told = message.encode("ascii", "backslashreplace").decode("ascii")
        self.answer = CheckedData(error=JobError(str(problem), told[:MAX_ERROR_CHARACTERS]))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a table must be like.

    `columns` must be there; `nulls` is the share of a column's cells that may be empty; `drift` how
    far mean and deviation may move, in the baseline's deviations. Without a baseline nothing moves.
    """

    data: Path
    columns: tuple[str, ...]
    nulls: float
    drift: float
    baseline: Path


def check_data(settings: Settings, wanted: Wanted) -> CheckedData:
    """Write the statistics and return the table's size; raise DataRefusedError."""
    try:
        table = _table(settings.workspace / wanted.data)
    except UserError as error:
        raise DataRefusedError(DataProblem.UNREADABLE, str(error)) from None
    if missing := table.missing(wanted.columns):
        told = f"{table.name} has no column {_listed(missing)}; it has {_listed(table.columns)}"
        raise DataRefusedError(DataProblem.COLUMNS_MISSING, told)
    before = _baseline(wanted.baseline)
    try:
        found = _described(table, wanted, before)
    except UserError as error:
        raise DataRefusedError(DataProblem.UNREADABLE, str(error)) from None
    write_atomically(settings.data_statistics_file, found.to_json().encode())
    _check_nulls(table.name, found, wanted)
    if before is not None:
        _check_drift(table.name, before, found, wanted.drift)
    return CheckedData(rows=found.rows, columns=len(table.columns))


def _table(path: Path) -> Table | ParquetTable:
    try:
        with path.open("rb") as file:
            is_parquet = file.read(len(PARQUET)) == PARQUET
    except OSError:
        is_parquet = False
    if not is_parquet:
        return read_table(path)
    try:
        from comal_trainer.parquet_table import read_parquet  # noqa: PLC0415 - a large library
    except ImportError:
        told = "is parquet, and this image has no pyarrow: use the trainer image, or write CSV"
        raise UserError(f"data: {path.name} {told}") from None
    return read_parquet(path)


def _described(
    table: Table | ParquetTable, wanted: Wanted, before: Statistics | None
) -> Statistics:
    """Return the statistics: of a parquet only of what is asked for, or compared with."""
    if isinstance(table, Table):
        return describe(table)
    compared = [column.name for column in before.columns] if before is not None else []
    return table.describe([*wanted.columns, *compared] if wanted.columns else table.columns)


def drifted(before: Column, now: Column, most: float) -> str:
    """Return how a column moved further than `most` deviations of the baseline, or nothing."""
    if not (before.mean and before.std and now.mean and now.std):
        # One of them holds no numbers; which columns there are is another check.
        return "" if bool(before.mean) == bool(now.mean) else "no longer holds the same kind"
    mean, deviation = float(before.mean), float(before.std)
    for word, old, new in (("mean", mean, float(now.mean)), ("std", deviation, float(now.std))):
        # What never varied may not move at all, but for what rounding does to six digits.
        room = most * deviation if deviation > 0 else 1e-5 * max(1.0, abs(mean))
        if not abs(new - old) <= room or math.isnan(new):
            return f"{word} moved from {old:g} to {new:g}"
    return ""


def _check_nulls(name: str, found: Statistics, wanted: Wanted) -> None:
    required = set(wanted.columns) or {column.name for column in found.columns}
    told = [
        f"{column.name} {column.nulls} of {found.rows}"
        for column in found.columns
        if column.name in required and column.nulls > wanted.nulls * found.rows
    ]
    if told:
        message = f"{name} has empty cells: {_listed(told)}; fill them, or drop the rows"
        raise DataRefusedError(DataProblem.NULLS, message)


def _baseline(file: Path) -> Statistics | None:
    """Return what the registered model's data was like; None where there is none."""
    try:
        return Statistics.read(file.read_bytes())
    except FileNotFoundError:
        print("no earlier data to compare with", flush=True)
        return None
    except (OSError, ContractError) as error:
        raise UserError(f"baseline: {file.name}: {error!s:.200}") from None


def _check_drift(name: str, before: Statistics, found: Statistics, most: float) -> None:
    now = {column.name: column for column in found.columns}
    told = []
    for column in before.columns:
        if column.name not in now:
            told.append(f"{column.name} is gone")
        elif moved := drifted(column, now[column.name], most):
            told.append(f"{column.name}: {moved}")
    if told:
        allowed = f"more than {most:g} of the registered model's data's deviations"
        raise DataRefusedError(DataProblem.DRIFT, f"{name}: {_listed(told)}; {allowed}")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_TOLD])
    more = len(names) - _MOST_TOLD
    return f"{shown:.300} and {more} more" if more > 0 else f"{shown:.300}"
