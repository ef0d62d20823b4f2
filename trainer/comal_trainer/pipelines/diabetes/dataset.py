"""The rows of the example: scikit-learn's bundled ones, or a CSV with the same columns."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from comal_trainer.data_record import DataRecord, record_data
from comal_trainer.settings import Settings
from comal_trainer.table import read_table, write_table

BUNDLED: Final = "bundled"
FEATURES: Final = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
TARGET: Final = "Y"
_SOURCE: Final = "442 patients from scikit-learn's load_diabetes"
_TRAIN: Final = "train"
_TEST: Final = "test"

Rows = npt.NDArray[np.float64]


def data_folder(settings: Settings) -> Path:
    """Return the folder of this sample's data."""
    return settings.data_dir / "diabetes"


def split_data(settings: Settings, data: str) -> DataRecord:
    """Write four fifths to train on and one to test with, always the same; raise UserError."""
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    columns = (*FEATURES, TARGET)
    rows = _bundled() if data == BUNDLED else read_table(settings.workspace / data).numbers(columns)
    parts = train_test_split(rows, test_size=0.2, random_state=0)
    files = []
    for name, part in zip((_TRAIN, _TEST), parts, strict=True):
        files.append(data_folder(settings) / f"{name}.csv")
        write_table(files[-1], columns, part)
    source = _SOURCE if data == BUNDLED else Path(data).name
    folder = data_folder(settings)
    return record_data(folder, files, source=source, generated=False, rows=len(rows))


def read_split(settings: Settings, *, test: bool) -> tuple[Rows, Rows]:
    """Return features (n x 10) and targets (n)."""
    name = _TEST if test else _TRAIN
    table = read_table(data_folder(settings) / f"{name}.csv")
    return table.numbers(FEATURES), table.numbers((TARGET,))[:, 0]


def _bundled() -> Rows:
    from sklearn.datasets import load_diabetes  # noqa: PLC0415

    data = load_diabetes()
    return np.column_stack([data.data, data.target])
