"""`diabetes train`: ridge regression; the rows that it must not see are laid aside."""

from __future__ import annotations

from typing import Any, Final

from comal_trainer.data_record import DataRecord
from comal_trainer.model_writer import data_list, write_model_folder
from comal_trainer.pipelines.diabetes.dataset import (
    FEATURES,
    data_folder,
    read_split,
    split_data,
)
from comal_trainer.progress import progress
from comal_trainer.settings import Settings

MODEL: Final = "model.joblib"
_SAMPLES: Final = 20


def train(settings: Settings, alpha: float, data: str) -> None:
    """Fit and write the model folder; raises UserError."""
    # scikit-learn takes a second to load, which no other command should wait for.
    import joblib  # noqa: PLC0415
    from sklearn.linear_model import Ridge  # noqa: PLC0415

    record = split_data(settings, data)
    features, targets = read_split(settings, test=False)
    held_out, _ = read_split(settings, test=True)
    counts = f"{len(features)} rows to train on, {len(held_out)} held out"
    progress(10, f"{counts}; alpha {alpha:g}")
    model = Ridge(alpha=alpha).fit(features, targets)
    settings.model_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, settings.model_dir / MODEL)
    files = data_list(data_folder(settings))
    write_model_folder(settings, _card(record), held_out[:_SAMPLES], files)
    progress(100, f"model written to {settings.model_dir.name}/{MODEL}")


def _card(record: DataRecord) -> dict[str, Any]:
    rows = {"name": "data", "dtype": "float64", "shape": [-1, len(FEATURES)]}
    return {
        "format": "sklearn-joblib",
        "file": MODEL,
        "contract": "data-matrix",
        "signature": {
            "inputs": [{**rows, "columns": list(FEATURES)}],
            "outputs": [{"name": "progression", "dtype": "float64", "shape": [-1, 1]}],
        },
        "data": record.for_card(),
    }
