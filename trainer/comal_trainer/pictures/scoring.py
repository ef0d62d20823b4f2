"""Measuring a picture classifier, this run's and a registered one, on the same pictures."""

from __future__ import annotations

import numpy as np

from comal_trainer.baseline import Baseline, IncomparableError, rescore
from comal_trainer.classification import Probabilities, measured, probabilities_of
from comal_trainer.conversion.keras_archive import check_archive
from comal_trainer.failure import JobFailure, UserError
from comal_trainer.keras_runtime import load_keras
from comal_trainer.keras_training.scoring import answers_of
from comal_trainer.metrics import write_metrics
from comal_trainer.model_card import read_card
from comal_trainer.pictures.dataset import TEST, Dataset
from comal_trainer.pictures.pixels import Look, Pictures
from comal_trainer.plots import confusion_matrix
from comal_trainer.progress import progress
from comal_trainer.settings import Settings


def evaluate_pictures(
    settings: Settings, data: Dataset, pipeline: str, batch: int
) -> dict[str, float]:
    """Write and return accuracy and loss on the held-out pictures, and those of the baseline.

    Raises UserError when there is no model, or one with other labels.
    """
    try:
        card = read_card(settings.model_dir)
        check_archive(settings.model_dir / card.file)
    except (JobFailure, OSError) as error:
        raise UserError(f"{error}; run `{pipeline} train` first") from None
    if card.labels != data.labels:
        raise UserError(f"the model knows {card.labels}, the data has {data.labels}")
    model = load_keras().saving.load_model(settings.model_dir / card.file, compile=False)
    held_out = Pictures(data.splits[TEST], Look.of_card(card.preprocessing["image"]))
    progress(10, f"scoring {len(held_out)} held-out pictures")
    answers = probabilities_of(answers_of(model, len(held_out), held_out.inputs, batch))
    metrics = measured(answers, held_out.truth)
    write_metrics(settings.metrics_file, metrics)
    rescore(settings, lambda baseline: _baseline(baseline, data))
    title = f"{pipeline}: {len(held_out)} held-out pictures ({data.record.source})"
    path = settings.artefacts_dir / "confusion-matrix.png"
    confusion_matrix(path, title, held_out.truth, answers.argmax(axis=1), data.labels)
    told = f"accuracy {metrics['accuracy']:.4f}, loss {metrics['loss']:.4f}"
    progress(100, f"{told} on {len(held_out)} pictures")
    return metrics


def _baseline(baseline: Baseline, data: Dataset) -> dict[str, float]:
    image = baseline.card.preprocessing.get("image", {})
    if "width" not in image or baseline.card.signature.inputs[0].shape[-1] != 3:
        raise IncomparableError("it takes no pictures of height x width x 3")
    if sorted(baseline.card.labels) != sorted(data.labels):
        raise IncomparableError(f"it knows {baseline.card.labels}, the data has {data.labels}")
    # In its own size, and its answers in our order of labels.
    held_out = Pictures(data.splits[TEST], Look.of_card(image))
    answers = probabilities_of(baseline.answers(held_out.inputs(np.arange(len(held_out)))))
    order = [baseline.card.labels.index(label) for label in data.labels]
    ordered: Probabilities = answers[:, order]
    return measured(ordered, held_out.truth)
