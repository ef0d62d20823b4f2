"""`diabetes evaluate`: the mean squared error on the rows that were laid aside."""

from __future__ import annotations

from comal_trainer.baseline import Baseline, IncomparableError, rescore
from comal_trainer.data_record import DataRecord
from comal_trainer.failure import UserError
from comal_trainer.metrics import write_metrics
from comal_trainer.pipelines.diabetes.dataset import FEATURES, Rows, data_folder, read_split
from comal_trainer.pipelines.diabetes.train import MODEL
from comal_trainer.plots import prediction_scatter
from comal_trainer.progress import progress
from comal_trainer.regression import measured
from comal_trainer.settings import Settings


def evaluate(settings: Settings) -> dict[str, float]:
    """Write and return mse and r2, and write those of the baseline; raises UserError."""
    import joblib  # noqa: PLC0415

    record = DataRecord.read(data_folder(settings), "diabetes train")
    model_file = settings.model_dir / MODEL
    if not model_file.is_file():
        raise UserError(f"{MODEL} is missing in the workspace; run `diabetes train` first")
    features, targets = read_split(settings, test=True)
    predicted = joblib.load(model_file).predict(features)
    metrics = _metrics(targets, predicted)
    write_metrics(settings.metrics_file, metrics)
    rescore(settings, lambda baseline: _baseline(baseline, features, targets))
    title = f"diabetes: {len(targets)} held-out rows ({record.source}), mse {metrics['mse']:.4f}"
    path = settings.artefacts_dir / "predictions.png"
    prediction_scatter(path, title, targets, predicted, "progression")
    progress(100, f"mse {metrics['mse']:.4f}, r2 {metrics['r2']:.4f} on {len(targets)} rows")
    return metrics


def _metrics(targets: Rows, predicted: Rows) -> dict[str, float]:
    found = measured(targets, predicted)
    return {name: found[name] for name in ("mse", "r2")}


def _baseline(baseline: Baseline, features: Rows, targets: Rows) -> dict[str, float]:
    columns = baseline.card.columns or FEATURES
    if sorted(columns) != sorted(FEATURES):
        raise IncomparableError(f"its columns are {', '.join(columns)[:200]}")
    places = [FEATURES.index(column) for column in columns]
    return _metrics(targets, baseline.answers(features[:, places]))
