"""`tacosandburritos train`: fine-tune the base on the prepared pictures."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from comal_trainer.data_digest import hmac_of
from comal_trainer.data_record import LIST_FILE
from comal_trainer.files import write_atomically
from comal_trainer.keras_training.loop import Plan
from comal_trainer.keras_training.training import Recipe
from comal_trainer.keras_training.training import train as train_keras
from comal_trainer.pictures.dataset import TRAIN, read_dataset
from comal_trainer.pictures.model import MODEL, write_picture_model
from comal_trainer.pictures.pixels import Look, Pictures
from comal_trainer.pipelines.tacosandburritos.network import network
from comal_trainer.pipelines.tacosandburritos.prepare import data_folder
from comal_trainer.progress import progress
from comal_trainer.settings import Settings

PREPARE: Final = "tacosandburritos prepare"
_PARAMETERS_FILE: Final = "params.json"
_MODEL_TYPE: Final = "tfv2-MobileNetV2"


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """How to train; the defaults of the command line are the seed's."""

    epochs: int
    batch: int
    image_size: int
    learning_rate: float
    base: str
    seed: int


def train(settings: Settings, chosen: Hyperparameters, signature_key: str) -> None:
    """Train and write the model folder; raises UserError."""
    data = read_dataset(data_folder(settings), PREPARE)
    look = Look.square(chosen.image_size)
    pictures = Pictures(data.splits[TRAIN], look)
    progress(0, f"{len(pictures)} pictures of {', '.join(data.labels)}; base {chosen.base}")
    recipe = Recipe(
        network=lambda keras: network(keras, chosen.base, chosen.image_size, len(data.labels)),
        optimizer=lambda keras: keras.optimizers.Adam(chosen.learning_rate),
        plan=Plan(chosen.epochs, chosen.batch, chosen.seed),
        facts={**asdict(chosen), "data": data.record.sha256},
    )

    def validate(_model: Any) -> dict[str, float]:
        # As in the example this comes from: what is not trained on is kept for the evaluation.
        return {}

    trained = train_keras(settings, recipe, pictures, validate)
    if trained is not None:
        write_picture_model(settings, trained, data, look, ("tacosandburritos", "image-url"))
        _write_parameters(settings, chosen, signature_key)


def _write_parameters(settings: Settings, chosen: Hyperparameters, key: str) -> None:
    """Write the example's params.json: all arguments, and the signatures of data and model."""
    parameters = {
        **asdict(chosen),
        "dataset_signature": hmac_of(settings.model_dir / LIST_FILE, key),
        "model_signature": hmac_of(settings.model_dir / MODEL, key),
        "model_type": _MODEL_TYPE,
    }
    text = json.dumps(parameters, indent=2) + "\n"
    write_atomically(settings.workspace / _PARAMETERS_FILE, text.encode())
