"""The model folder of a picture classifier."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from comal_trainer.keras_training.training import Trained
from comal_trainer.model_writer import data_list, write_model_folder
from comal_trainer.pictures.dataset import TEST, Dataset
from comal_trainer.pictures.pixels import Look, Pictures
from comal_trainer.plots import learning_curve
from comal_trainer.progress import progress
from comal_trainer.settings import Settings

MODEL: Final = "model.keras"
# Each is some 100 kB of text; four prove the conversion as well as forty.
_SAMPLES: Final = 4


def write_picture_model(
    settings: Settings, trained: Trained, data: Dataset, look: Look, identity: tuple[str, str]
) -> None:
    """Write model, card and samples, and the learning curve; `identity`: pipeline and contract."""
    pipeline, contract = identity
    settings.model_dir.mkdir(parents=True, exist_ok=True)
    trained.model.save(settings.model_dir / MODEL)
    # From all over the list, so that a small set shows more than one label.
    held_out = Pictures(data.splits[TEST], look)
    chosen = np.unique(np.linspace(0, len(held_out) - 1, _SAMPLES).astype(int))
    card = _card(contract, data, look, trained.model.outputs[0].shape[-1])
    files = data_list(data.folder)
    write_model_folder(settings, card, held_out.inputs(chosen), files)
    title = f"{pipeline}: learning curve ({data.record.source})"
    learning_curve(settings.artefacts_dir / "learning-curve.png", title, trained.history)
    progress(100, f"model written to {settings.model_dir.name}/{MODEL}")


def _card(contract: str, data: Dataset, look: Look, outputs: int) -> dict[str, Any]:
    shape = [-1, look.height, look.width, 3]
    return {
        "format": "keras",
        "file": MODEL,
        "contract": contract,
        "signature": {
            "inputs": [{"name": "image", "dtype": "float32", "shape": shape}],
            "outputs": [{"name": "probability", "dtype": "float32", "shape": [-1, outputs]}],
        },
        "labels": list(data.labels),
        "preprocessing": {"image": look.for_card()},
        "data": data.record.for_card(),
    }
