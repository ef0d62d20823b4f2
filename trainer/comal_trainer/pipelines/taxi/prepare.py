"""`taxi prepare`: rides into the workspace, split once and for all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from comal_trainer.data_record import record_data
from comal_trainer.failure import UserError
from comal_trainer.pipelines.taxi.generator import COLUMNS, NOTE, rides
from comal_trainer.progress import progress
from comal_trainer.settings import Settings
from comal_trainer.table import read_table, write_table

GENERATED: Final = "generated"
# 70 % to train on, 15 % to choose by, 15 % to test with.
_ENDS: Final = {"train": (0.0, 0.7), "validation": (0.7, 0.85), "test": (0.85, 1.0)}

Rides = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rides: a CSV's path or `generated`, how many of those, and the split's seed."""

    data: str
    rows: int
    seed: int


def data_folder(settings: Settings) -> Path:
    """Return the folder of this sample's data."""
    return settings.data_dir / "taxi"


def prepare(settings: Settings, wanted: Wanted) -> None:
    """Write a CSV for each split, the columns in the model's order; raises UserError."""
    generated = wanted.data == GENERATED
    if generated:
        table = rides(wanted.rows, wanted.seed)
    else:
        # By name, in whatever order the file has them; other columns are left out.
        table = read_table(settings.workspace / wanted.data).numbers(COLUMNS)
    parts = split(table, wanted.seed)
    if not all(len(part) for part in parts.values()):
        raise UserError(f"data: {len(table)} rides are too few to be split in three")
    folder = data_folder(settings)
    for name, part in parts.items():
        write_table(folder / f"{name}.csv", COLUMNS, part)
    files = [folder / f"{name}.csv" for name in parts]
    source = NOTE if generated else Path(wanted.data).name
    record = record_data(folder, files, source=source, generated=generated, rows=len(table))
    # The words of the original's log.
    sizes = ", ".join(f"{name} size {len(part)}" for name, part in parts.items())
    progress(100, f"{source}: {sizes}; sha256 {record.sha256}")


def split(table: Rides, seed: int) -> dict[str, Rides]:
    """Return train, validation and test; the seed alone decides which ride is where."""
    # The generator of the original, which had no seed.
    drawn = np.random.RandomState(seed).rand(len(table))
    return {name: table[(start <= drawn) & (drawn < end)] for name, (start, end) in _ENDS.items()}
