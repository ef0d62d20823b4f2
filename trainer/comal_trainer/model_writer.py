"""Writing the model folder of a sample: the card last, so that half a folder is no model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from comal_trainer.contract import MODEL_FILE, SAMPLES_FILE
from comal_trainer.data_record import LIST_FILE
from comal_trainer.files import write_atomically
from comal_trainer.settings import Settings


def write_model_folder(
    settings: Settings,
    card: Mapping[str, Any],
    samples: npt.NDArray[Any],
    files: Mapping[str, bytes],
) -> None:
    """Write files, samples (rows as the model takes them) and card beside the model's own file."""
    folder = settings.model_dir
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_atomically(folder / name, content)
    # Rounded twice: as float32 has them, and without the tail that float64 would add.
    rows = samples.astype(np.float64).round(6).tolist()
    write_atomically(folder / SAMPLES_FILE, json.dumps({"inputs": rows}).encode())
    whole = {**card, "samples": SAMPLES_FILE}
    text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
    write_atomically(folder / MODEL_FILE, text.encode())


def data_list(folder: Path) -> Mapping[str, bytes]:
    """Return the data list of prepared data, to be one of the model's files."""
    return {LIST_FILE: (folder / LIST_FILE).read_bytes()}
