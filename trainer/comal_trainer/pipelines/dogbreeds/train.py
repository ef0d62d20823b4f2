"""`dogbreeds train`: the last layer on a fixed base, the best epoch's weights kept."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

from comal_trainer.classification import measured, probabilities_of, short_names
from comal_trainer.keras_training.loop import Plan
from comal_trainer.keras_training.scoring import answers_of
from comal_trainer.keras_training.training import Recipe
from comal_trainer.keras_training.training import train as train_keras
from comal_trainer.pictures.dataset import TRAIN, VALIDATION, read_dataset
from comal_trainer.pictures.model import write_picture_model
from comal_trainer.pictures.pixels import Look, Pictures
from comal_trainer.pipelines.dogbreeds.network import network
from comal_trainer.pipelines.dogbreeds.prepare import data_folder
from comal_trainer.progress import progress
from comal_trainer.settings import Settings

PREPARE: Final = "dogbreeds prepare"
_BATCH: Final = 32
# Every seven epochs the learning rate becomes a tenth.
_FALL_EPOCHS: Final = 7
_FALL: Final = 0.1


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """How to train; the defaults of the command line are the seed's."""

    num_epochs: int
    batch: int
    image_size: int
    learning_rate: float
    momentum: float
    base: str
    seed: int


def train(settings: Settings, chosen: Hyperparameters) -> None:
    """Train and write the model folder; raises UserError."""
    data = read_dataset(data_folder(settings), PREPARE)
    look = Look.square(chosen.image_size)
    pictures, held_out = (Pictures(data.splits[name], look) for name in (TRAIN, VALIDATION))
    progress(0, f"{len(pictures)} pictures of {len(data.labels)} classes; base {chosen.base}")
    batches = math.ceil(len(pictures) / chosen.batch)

    def optimizer(keras: Any) -> Any:
        rate = keras.optimizers.schedules.ExponentialDecay(
            chosen.learning_rate, _FALL_EPOCHS * batches, _FALL, staircase=True
        )
        return keras.optimizers.SGD(rate, momentum=chosen.momentum)

    def validate(model: Any) -> dict[str, float]:
        answers = answers_of(model, len(held_out), held_out.inputs, _BATCH)
        return short_names(measured(probabilities_of(answers), held_out.truth))

    recipe = Recipe(
        network=lambda keras: network(keras, chosen.base, chosen.image_size, len(data.labels)),
        optimizer=optimizer,
        plan=Plan(chosen.num_epochs, chosen.batch, chosen.seed, best_by="val_acc"),
        facts={**asdict(chosen), "data": data.record.sha256},
    )
    trained = train_keras(settings, recipe, pictures, validate)
    if trained is not None:
        write_picture_model(settings, trained, data, look, ("dogbreeds", "base64-image"))
