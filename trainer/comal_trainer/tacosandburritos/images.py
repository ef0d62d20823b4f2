"""From JPEG to what the network sees, as the scorer does it: RGB, bilinear, v * scale + offset."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

# The base was trained on [-1, 1].
SCALE: Final = 1 / 127.5
OFFSET: Final = -1.0


def pixels(path: Path, size: int) -> npt.NDArray[np.float32]:
    """Return one picture as size x size x 3 in [-1, 1]."""
    with Image.open(path, formats=["JPEG"]) as image:
        resized = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.float32) * np.float32(SCALE) + np.float32(OFFSET)


def batch_of(
    items: Sequence[tuple[Path, int]], size: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return pictures (n x size x size x 3) and the indices of their labels (n)."""
    pictures = np.stack([pixels(path, size) for path, _ in items])
    return pictures, np.asarray([label for _, label in items], np.float32)


def batches(keras: Any, items: Sequence[tuple[Path, int]], batch: int, size: int, seed: int) -> Any:
    """Return the pictures as Keras wants them, read when needed, shuffled anew in every epoch."""
    chosen = np.random.default_rng(seed)
    order = list(items)

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return math.ceil(len(order) / batch)

        def __getitem__(self, index: int) -> Any:
            return batch_of(order[index * batch : (index + 1) * batch], size)

        def on_epoch_end(self) -> None:
            chosen.shuffle(order)

    dataset = Batches()
    dataset.on_epoch_end()
    return dataset
