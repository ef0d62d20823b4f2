"""`compliance prepare`: texts into the workspace, in three parts."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from comal_trainer.data_record import record_data
from comal_trainer.failure import UserError
from comal_trainer.pipelines.compliance.dataset import (
    SPLITS,
    data_folder,
    read_texts,
    write_texts,
)
from comal_trainer.pipelines.compliance.rule import NOTE, descriptions
from comal_trainer.progress import progress
from comal_trainer.settings import Settings

GENERATED = "generated"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which texts: a CSV's path or `generated`, and how many to train on and to validate with."""

    data: str
    rows: int
    train_rows: int
    validation_rows: int
    seed: int


def prepare(settings: Settings, wanted: Wanted) -> None:
    """Write a CSV for each split; raises UserError."""
    generated = wanted.data == GENERATED
    if generated:
        rows = list(descriptions(wanted.rows, wanted.seed))
    else:
        rows = read_texts(settings.workspace / wanted.data)
        random.Random(wanted.seed).shuffle(rows)  # noqa: S311 - the same order every time
    ends = (0, wanted.train_rows, wanted.train_rows + wanted.validation_rows, len(rows))
    if ends[2] >= len(rows):
        told = f"{ends[2]} for training and validation leave none of {len(rows)} rows to test on"
        raise UserError(f"train_rows, validation_rows: {told}; use fewer")
    folder = data_folder(settings)
    parts = {
        split: rows[start:end]
        for split, start, end in zip(SPLITS, ends[:-1], ends[1:], strict=True)
    }
    for split, part in parts.items():
        write_texts(folder / f"{split}.csv", part)
    files = [folder / f"{split}.csv" for split in SPLITS]
    source = NOTE if generated else Path(wanted.data).name
    record = record_data(folder, files, source=source, generated=generated, rows=len(rows))
    counts = ", ".join(f"{split} {len(part)}" for split, part in parts.items())
    progress(100, f"{source}: {counts} rows; sha256 {record.sha256}")
