"""Sample inputs for a model whose card names none: a conversion is proved on something."""

from __future__ import annotations

from typing import Final

import numpy as np

from comal_trainer.conversion.parity import Array
from comal_trainer.model_card import ModelCard

_ROWS: Final = 8


def made_samples(card: ModelCard) -> Array | None:
    """Return inputs as the card's signature and preprocessing allow; None where an axis is free."""
    given = card.signature.inputs[0]
    image = card.preprocessing.get("image", {})
    sizes = list(given.shape[1:])
    if image and sizes[:2] == [-1, -1]:
        sizes[:2] = [image.get("height", -1), image.get("width", -1)]
    if any(size < 1 for size in sizes):
        return None
    # The same model gives the same parity.
    random = np.random.default_rng(20)
    shape = (_ROWS, *sizes)
    if image:
        pixels = random.integers(0, 256, shape).astype(np.float64)
        made: Array = pixels * image.get("scale", 1 / 255) + image.get("offset", 0.0)
        return made
    if not given.dtype.startswith("float") or "text" in card.preprocessing:
        words = card.preprocessing.get("text", {}).get("words", 2)
        return random.integers(0, words, shape).astype(np.float64)
    return random.normal(size=shape)
