"""Where a collected row lies, and how it is written: Azure ML's dated paths, CSV inside."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from comal_scorer.runtime.tensors import Array

INPUTS = "inputs"
PREDICTIONS = "predictions"

# Wider rows are no table that anybody reads: a digest says which input it was.
_MOST_COLUMNS = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """What the path of a collected file says, and who of several Pods wrote it."""

    root: Path
    workspace: str
    service: str
    model: str
    version: str
    instance: str

    def file(self, designation: str, day: datetime) -> Path:
        """Return the file of one day; each Pod has its own, so that none cuts another's lines."""
        parts = (self.workspace, self.service, self.model, self.version)
        named = [part.replace("/", "_").strip(".") or "unnamed" for part in parts]
        folder = self.root.joinpath("modeldata", *named, designation, f"{day:%Y/%m/%d}")
        return folder / f"data-{self.instance}.csv"


def header(names: Iterable[str]) -> str:
    """Return the first line of a file."""
    return _line(["time", "correlation_id", *names])


def column_names(width: int, columns: tuple[str, ...], otherwise: str) -> list[str]:
    """Return a name for each value of a row."""
    if width > _MOST_COLUMNS:
        return ["sha256"]
    if len(columns) == width:
        return list(columns)
    return [otherwise] if width == 1 else [f"{otherwise}_{index}" for index in range(width)]


def lines(moment: datetime, correlation_id: str, rows: Array) -> str:
    """Return a line for each row of a batch."""
    flat = rows.reshape(len(rows), -1)
    stamp = moment.isoformat()
    if flat.shape[1] > _MOST_COLUMNS:
        digests = [hashlib.sha256(row.tobytes()).hexdigest() for row in flat]
        return "".join(_line([stamp, correlation_id, digest]) for digest in digests)
    return "".join(_line([stamp, correlation_id, *row]) for row in flat.tolist())


def _line(values: list[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return buffer.getvalue()
