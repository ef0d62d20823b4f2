"""Ten classes of real pictures without a network: handwritten digits that scikit-learn brings.

No dogs, and not called so: their photographs cannot be had offline.
"""

from __future__ import annotations

import io
import random
from typing import Final

import numpy as np
from PIL import Image

from comal_trainer.pictures.dataset import TEST, TRAIN, VALIDATION, Picture

SOURCE: Final = "handwritten digits from scikit-learn, enlarged; no dogs"
_WHITE: Final = 16.0  # the brightest of a digit's 8 x 8 pixels


def digits(train: int, validation: int, size: int) -> dict[str, list[Picture]]:
    """Return `train` and `validation` pictures of each class, and all others as the test."""
    from sklearn.datasets import load_digits  # noqa: PLC0415

    data = load_digits()
    splits: dict[str, list[Picture]] = {TRAIN: [], VALIDATION: [], TEST: []}
    for digit in range(10):
        places = np.flatnonzero(data.target == digit).tolist()
        random.Random(digit).shuffle(places)  # noqa: S311 - the same split every time
        label = f"digit_{digit}"
        for rank, place in enumerate(places):
            inside = TRAIN if rank < train else VALIDATION if rank < train + validation else TEST
            content = _enlarged(data.images[place], size)
            splits[inside].append(Picture(label, content, f"{label} {place}"))
    return splits


def _enlarged(pixels: np.ndarray, size: int) -> bytes:
    grey = Image.fromarray((pixels * (255 / _WHITE)).round().astype(np.uint8), "L")
    content = io.BytesIO()
    grey.resize((size, size), Image.Resampling.BICUBIC).convert("RGB").save(content, "JPEG")
    return content.getvalue()
