"""`tacosandburritos evaluate`: accuracy and loss on pictures that training never saw."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from comal_trainer.conversion.keras_archive import check_archive
from comal_trainer.failure import JobFailure, UserError
from comal_trainer.keras_runtime import load_keras
from comal_trainer.metrics import write_metrics
from comal_trainer.model_card import read_card
from comal_trainer.progress import progress
from comal_trainer.settings import Settings
from comal_trainer.tacosandburritos.dataset import data_folder, read_dataset
from comal_trainer.tacosandburritos.images import batch_of

_LEAST = 1e-7

Probabilities = npt.NDArray[np.float64]


def evaluate(settings: Settings, batch: int) -> dict[str, float]:
    """Score the model on the held-out pictures, write metrics.json and return what it holds."""
    data = read_dataset(data_folder(settings))
    try:
        card = read_card(settings.model_dir)
        check_archive(settings.model_dir / card.file)
    except JobFailure as failure:
        raise UserError(str(failure)) from None
    if card.labels != data.labels:
        raise UserError(f"the model knows {card.labels}, the data is of {data.labels}")
    model = load_keras().saving.load_model(settings.model_dir / card.file, compile=False)
    size = card.signature.inputs[0].shape[1]
    answers, truths = [], []
    for start in range(0, len(data.test), batch):
        pictures, indices = batch_of(data.test[start : start + batch], size)
        answers.append(_probabilities(model(pictures, training=False)))
        truths.append(indices.astype(int))
        progress(95 * min(1.0, (start + batch) / len(data.test)), "scoring held-out pictures")
    metrics = measured(np.concatenate(answers), np.concatenate(truths))
    write_metrics(settings.metrics_file, metrics)
    told = f"accuracy {metrics['accuracy']:.4f}, loss {metrics['loss']:.4f}"
    progress(100, f"{told} on {len(data.test)} pictures")
    return metrics


def measured(probabilities: Probabilities, truth: npt.NDArray[np.int_]) -> dict[str, float]:
    """Return accuracy and cross-entropy of class probabilities (n x labels) against the truth."""
    right = probabilities[np.arange(len(truth)), truth]
    return {
        "accuracy": float((probabilities.argmax(axis=1) == truth).mean()),
        "loss": float(-np.log(right.clip(_LEAST, 1.0)).mean()),
    }


def _probabilities(answers: Any) -> Probabilities:
    values = np.asarray(answers, np.float64)
    # One sigmoid speaks for the second of two labels.
    return np.hstack([1 - values, values]) if values.shape[1] == 1 else values
