"""The sample `diabetes`: ridge regression on scikit-learn's bundled data, as MLOpsPython has it."""

from __future__ import annotations

import json
from typing import Any

import yaml

from comal_trainer.contract import MODEL_FILE, SAMPLES_FILE
from comal_trainer.failure import UserError
from comal_trainer.files import write_atomically
from comal_trainer.metrics import write_metrics
from comal_trainer.progress import progress
from comal_trainer.settings import Settings

MODEL = "model.joblib"
SPLIT = "diabetes/split.joblib"
_SAMPLES = 20


def train(settings: Settings, alpha: float) -> None:
    """Fit on four fifths of the data; leave the model and the held-out fifth in the workspace."""
    # scikit-learn takes a second to load, which no other command should wait for.
    import joblib  # noqa: PLC0415
    from sklearn.datasets import load_diabetes  # noqa: PLC0415
    from sklearn.linear_model import Ridge  # noqa: PLC0415
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    data = load_diabetes()
    parts = train_test_split(data.data, data.target, test_size=0.2, random_state=0)
    x_train, x_test, y_train, y_test = parts
    progress(10, f"{len(x_train)} rows to train on, {len(x_test)} held out; alpha {alpha:g}")
    model = Ridge(alpha=alpha).fit(x_train, y_train)
    settings.model_dir.mkdir(parents=True, exist_ok=True)
    split = settings.data_dir / SPLIT
    split.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, settings.model_dir / MODEL)
    joblib.dump((x_test, y_test), split)
    samples = {"inputs": x_test[:_SAMPLES].tolist()}
    write_atomically(settings.model_dir / SAMPLES_FILE, json.dumps(samples).encode())
    write_atomically(settings.model_dir / MODEL_FILE, _card(list(data.feature_names)))
    progress(100, f"model written to {settings.model_dir.name}/{MODEL}")


def evaluate(settings: Settings) -> dict[str, float]:
    """Score the model on the held-out fifth, write metrics.json and return what it holds."""
    import joblib  # noqa: PLC0415
    from sklearn.metrics import mean_squared_error, r2_score  # noqa: PLC0415

    model_file, split = settings.model_dir / MODEL, settings.data_dir / SPLIT
    for path in (model_file, split):
        if not path.is_file():
            raise UserError(f"{path.name} is missing in the workspace; run `diabetes train` first")
    x_test, y_test = joblib.load(split)
    predicted = joblib.load(model_file).predict(x_test)
    metrics = {
        "mse": float(mean_squared_error(y_test, predicted)),
        "r2": float(r2_score(y_test, predicted)),
    }
    write_metrics(settings.metrics_file, metrics)
    progress(100, f"mse {metrics['mse']:.4f}, r2 {metrics['r2']:.4f} on {len(x_test)} rows")
    return metrics


def _card(features: list[str]) -> bytes:
    rows: dict[str, Any] = {"name": "data", "dtype": "float64", "shape": [-1, len(features)]}
    card = {
        "format": "sklearn-joblib",
        "file": MODEL,
        "contract": "data-matrix",
        "signature": {
            "inputs": [{**rows, "columns": features}],
            "outputs": [{"name": "progression", "dtype": "float64", "shape": [-1, 1]}],
        },
        "samples": SAMPLES_FILE,
    }
    return yaml.safe_dump(card, sort_keys=False).encode()
