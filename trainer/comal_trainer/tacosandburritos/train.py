"""`tacosandburritos train`: fine-tune the base on the prepared pictures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import yaml

from comal_trainer.contract import MODEL_FILE, SAMPLES_FILE
from comal_trainer.files import write_atomically
from comal_trainer.keras_runtime import load_keras
from comal_trainer.progress import progress
from comal_trainer.settings import Settings
from comal_trainer.tacosandburritos.dataset import Dataset, data_folder, read_dataset
from comal_trainer.tacosandburritos.images import OFFSET, SCALE, batch_of, batches
from comal_trainer.tacosandburritos.network import network

MODEL: Final = "model.keras"
# Each is some 100 kB of text; four prove the conversion as well as forty.
_SAMPLES: Final = 4


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """How to train; the defaults of the command line are the seed's."""

    epochs: int
    batch: int
    image_size: int
    learning_rate: float
    base: str
    seed: int


def train(settings: Settings, chosen: Hyperparameters) -> None:
    """Train and write the model folder; raises UserError."""
    data = read_dataset(data_folder(settings))
    progress(0, f"{len(data.train)} pictures of {', '.join(data.labels)}; base {chosen.base}")
    keras = load_keras()
    keras.utils.set_random_seed(chosen.seed)
    model = network(keras, chosen.base, chosen.image_size, len(data.labels))
    two = len(data.labels) == 2
    model.compile(
        optimizer=keras.optimizers.Adam(chosen.learning_rate),
        loss="binary_crossentropy" if two else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        # For a few steps on a processor, compiling takes longer than it saves.
        jit_compile=False,
    )
    pictures = batches(keras, data.train, chosen.batch, chosen.image_size, chosen.seed)
    reporter = _reporter(keras, chosen.epochs, len(pictures))
    model.fit(pictures, epochs=chosen.epochs, verbose=0, callbacks=[reporter])
    _write_model(settings, keras, model, data, chosen.image_size)
    progress(100, f"model written to {settings.model_dir.name}/{MODEL}")


def _write_model(settings: Settings, keras: Any, model: Any, data: Dataset, size: int) -> None:
    settings.model_dir.mkdir(parents=True, exist_ok=True)
    # The optimizer's state would be two thirds of the file, and nobody resumes from a version.
    # Built anew, as both `include_optimizer=False` and a clone keep it.
    plain = network(keras, "random", size, len(data.labels))
    plain.set_weights(model.get_weights())
    plain.save(settings.model_dir / MODEL)
    # From both ends of the list, so that every label of a small set is among them.
    half = _SAMPLES // 2
    chosen = data.test if len(data.test) <= _SAMPLES else data.test[:half] + data.test[-half:]
    samples, _ = batch_of(chosen, size)
    text = json.dumps({"inputs": samples.round(5).astype(float).round(5).tolist()})
    write_atomically(settings.model_dir / SAMPLES_FILE, text.encode())
    write_atomically(settings.model_dir / MODEL_FILE, _card(data.labels, size))


def _card(labels: tuple[str, ...], size: int) -> bytes:
    outputs = 1 if len(labels) == 2 else len(labels)
    card = {
        "format": "keras",
        "file": MODEL,
        "contract": "base64-image",
        "signature": {
            "inputs": [{"name": "image", "dtype": "float32", "shape": [-1, size, size, 3]}],
            "outputs": [{"name": "probability", "dtype": "float32", "shape": [-1, outputs]}],
        },
        "labels": list(labels),
        "preprocessing": {
            "image": {"width": size, "height": size, "scale": SCALE, "offset": OFFSET}
        },
        "samples": SAMPLES_FILE,
    }
    return yaml.safe_dump(card, sort_keys=False).encode()


def _reporter(keras: Any, epochs: int, steps: int) -> Any:
    class Reporter(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.done = 0

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            self.done += 1
            epoch = 1 + (self.done - 1) // steps
            loss = (logs or {}).get("loss", float("nan"))
            where = f"epoch {epoch} of {epochs}, step {batch + 1} of {steps}"
            progress(95 * self.done / (epochs * steps), f"{where}: loss {loss:.4f}")

    return Reporter()
