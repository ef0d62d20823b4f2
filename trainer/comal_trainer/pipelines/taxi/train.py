"""`taxi train`: fit the forest, some trees at a time, so that one sees how far it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from comal_trainer.data_record import DataRecord
from comal_trainer.heartbeat import Heartbeat
from comal_trainer.model_writer import data_list, write_model_folder
from comal_trainer.pipelines.taxi.prepare import data_folder
from comal_trainer.pipelines.taxi.schema import FEATURES, TARGET
from comal_trainer.progress import progress
from comal_trainer.regression import measured
from comal_trainer.settings import Settings
from comal_trainer.table import read_table

MODEL: Final = "model.joblib"
_SAMPLES: Final = 20
_TREES_AT_A_TIME: Final = 25

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """The forest; the defaults of the command line are the seed's."""

    n_estimators: int
    bootstrap: bool
    max_depth: int
    max_features: float | str
    min_samples_leaf: int
    min_samples_split: int
    random_state: int


def read_split(settings: Settings, name: str) -> tuple[Array, Array]:
    """Return features (n x 20, in the model's order) and fares (n) of one split."""
    table = read_table(data_folder(settings) / f"{name}.csv")
    return table.numbers(FEATURES), table.numbers((TARGET,))[:, 0]


def train(settings: Settings, chosen: Hyperparameters) -> None:
    """Train and write the model folder; raises UserError."""
    import joblib  # noqa: PLC0415

    record = DataRecord.read(data_folder(settings), "taxi prepare")
    features, fares = read_split(settings, "train")
    told = "; the data is generated" if record.generated else ""
    progress(0, f"{len(fares)} rides, {chosen.n_estimators} trees{told}")
    model = _grown(settings, chosen, features, fares)
    found = measured(fares, model.predict(features))
    print("train " + ", ".join(f"{name} {value:.4f}" for name, value in found.items()), flush=True)
    settings.model_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, settings.model_dir / MODEL)
    samples, _ = read_split(settings, "validation")
    files = data_list(data_folder(settings))
    write_model_folder(settings, _card(record), samples[:_SAMPLES], files)
    progress(100, f"model written to {settings.model_dir.name}/{MODEL}")


def _grown(settings: Settings, chosen: Hyperparameters, features: Array, fares: Array) -> Any:
    from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415

    model = RandomForestRegressor(
        bootstrap=chosen.bootstrap,
        max_depth=chosen.max_depth,
        max_features=chosen.max_features,
        min_samples_leaf=chosen.min_samples_leaf,
        min_samples_split=chosen.min_samples_split,
        random_state=chosen.random_state,
        n_jobs=len(os.sched_getaffinity(0)),
        # The same trees as when all are grown at once.
        warm_start=True,
    )
    trees = 0
    with Heartbeat(workspace=settings.workspace) as heartbeat:
        while trees < chosen.n_estimators:
            trees = min(trees + _TREES_AT_A_TIME, chosen.n_estimators)
            model.set_params(n_estimators=trees).fit(features, fares)
            percent = 95 * trees / chosen.n_estimators
            heartbeat.report(percent=percent, step=trees, message=f"{trees} trees")
            progress(percent, f"{trees} of {chosen.n_estimators} trees")
    return model.set_params(warm_start=False, n_jobs=None)


def _card(record: DataRecord) -> dict[str, Any]:
    told = f" The data: {record.source}." if record.generated else ""
    rows = {"name": "rides", "dtype": "float64", "shape": [-1, len(FEATURES)]}
    return {
        "format": "sklearn-joblib",
        "file": MODEL,
        "contract": "input-data",
        "description": "Random forest that predicts the fare of a taxi ride." + told,
        "signature": {
            "inputs": [{**rows, "columns": list(FEATURES)}],
            "outputs": [{"name": TARGET, "dtype": "float64", "shape": [-1, 1]}],
        },
        "data": record.for_card(),
    }
