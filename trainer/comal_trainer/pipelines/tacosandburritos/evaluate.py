"""`tacosandburritos evaluate`: accuracy and loss on pictures that training never saw."""

from __future__ import annotations

from comal_trainer.pictures.dataset import read_dataset
from comal_trainer.pictures.scoring import evaluate_pictures
from comal_trainer.pipelines.tacosandburritos.prepare import data_folder
from comal_trainer.pipelines.tacosandburritos.train import PREPARE
from comal_trainer.settings import Settings


def evaluate(settings: Settings, batch: int) -> dict[str, float]:
    """Write metrics.json and return what it holds; raises UserError."""
    data = read_dataset(data_folder(settings), PREPARE)
    return evaluate_pictures(settings, data, "tacosandburritos", batch)
