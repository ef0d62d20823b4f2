"""`taxi evaluate`: r2, mse, rmse and mae on rides that training never saw."""

from __future__ import annotations

import numpy as np

from comal_trainer.baseline import Baseline, IncomparableError, rescore
from comal_trainer.data_record import DataRecord
from comal_trainer.failure import UserError
from comal_trainer.metrics import write_metrics
from comal_trainer.pipelines.taxi.prepare import data_folder
from comal_trainer.pipelines.taxi.schema import FEATURES
from comal_trainer.pipelines.taxi.train import MODEL, Array, read_split
from comal_trainer.plots import prediction_scatter
from comal_trainer.progress import progress
from comal_trainer.regression import measured
from comal_trainer.settings import Settings
from comal_trainer.table import write_table


def evaluate(settings: Settings) -> dict[str, float]:
    """Write and return the metrics, and write those of the baseline; raises UserError."""
    import joblib  # noqa: PLC0415

    record = DataRecord.read(data_folder(settings), "taxi prepare")
    model_file = settings.model_dir / MODEL
    if not model_file.is_file():
        raise UserError(f"{MODEL} is missing in the workspace; run `taxi train` first")
    features, fares = read_split(settings, "test")
    predicted = joblib.load(model_file).predict(features)
    metrics = measured(fares, predicted) | record.as_metric
    write_metrics(settings.metrics_file, metrics)
    rescore(settings, lambda baseline: _baseline(baseline, features, fares) | record.as_metric)
    columns = (*FEATURES, "real_label", "predicted_label")
    rows = np.column_stack([features, fares, predicted])
    write_table(settings.artefacts_dir / "predictions.csv", columns, rows)
    title = f"taxi: {len(fares)} held-out rides ({record.source}), r2 {metrics['r2']:.4f}"
    path = settings.artefacts_dir / "predictions.png"
    prediction_scatter(path, title, fares, predicted, "fare in dollars")
    told = ", ".join(f"{name} {metrics[name]:.4f}" for name in ("r2", "mse", "rmse", "mae"))
    note = "; the data is generated" if record.generated else ""
    progress(100, f"{told} on {len(fares)} rides{note}")
    return metrics


def _baseline(baseline: Baseline, features: Array, fares: Array) -> dict[str, float]:
    # By its own column names: another version may have been trained in another order.
    columns = baseline.card.columns
    unknown = [column for column in columns if column not in FEATURES]
    if not columns or unknown:
        raise IncomparableError(f"it takes columns that this data has not: {unknown[:5]}")
    places = [FEATURES.index(column) for column in columns]
    return measured(fares, baseline.answers(features[:, places]))
