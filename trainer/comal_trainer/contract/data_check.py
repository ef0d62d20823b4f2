"""The step `check-data`: why data is refused, and what it says of data that it takes.

Standard library only: the operator imports this.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from comal_trainer.contract import JobError, _count, _error, _Message

CHECK_DATA_COMMAND: Final = "check-data"


class DataProblem(StrEnum):
    """Why data is refused; the step then ends with exit code 65 and one of these."""

    UNREADABLE = "DataUnreadable"
    COLUMNS_MISSING = "DataColumnsMissing"
    NULLS = "DataNulls"
    DRIFT = "DataDrift"


@dataclass(frozen=True, slots=True)
class CheckedData(_Message):
    """The last words of `check-data`: how large the table is, or what is wrong with it."""

    rows: int = 0
    columns: int = 0
    error: JobError | None = None

    @classmethod
    def _read(cls, value: Any) -> Self:
        return cls(
            rows=_count(value.get("rows", 0)),
            columns=_count(value.get("columns", 0)),
            error=_error(value.get("error")),
        )
