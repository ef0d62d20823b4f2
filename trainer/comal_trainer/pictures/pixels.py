"""From JPEG to what a network sees, as the scorer does it: RGB, bilinear, v * scale + offset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from comal_trainer.pictures.dataset import Split

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture becomes an input; the same words as the card's `preprocessing.image`."""

    width: int
    height: int
    # MobileNetV2 was trained on [-1, 1].
    scale: float = 1 / 127.5
    offset: float = -1.0

    @classmethod
    def square(cls, size: int) -> Self:
        """Return the look of pictures of size x size."""
        return cls(size, size)

    @classmethod
    def of_card(cls, image: Mapping[str, Any]) -> Self:
        """Return the look that a checked card's `preprocessing.image` describes."""
        known = {"scale": 1 / 255, "offset": 0.0, **image}
        return cls(**known)

    def for_card(self) -> dict[str, float]:
        """Return the card's `preprocessing.image`."""
        return asdict(self)

    def pixels(self, path: Path) -> npt.NDArray[np.float32]:
        """Return one picture as height x width x 3."""
        with Image.open(path, formats=["JPEG"]) as image:
            size = (self.width, self.height)
            resized = image.convert("RGB").resize(size, Image.Resampling.BILINEAR)
        return np.asarray(resized, np.float32) * np.float32(self.scale) + np.float32(self.offset)


@dataclass(frozen=True, slots=True)
class Pictures:
    """A split's pictures as a network sees them, read when they are needed."""

    split: Split
    look: Look

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.split)

    def load(self, indices: npt.NDArray[np.int_]) -> tuple[Array, Array]:
        """Return pictures (n x height x width x 3) and the indices of their labels (n)."""
        return self.inputs(indices), np.array(
            [self.split.items[index][1] for index in indices], np.float32
        )

    def inputs(self, indices: npt.NDArray[np.int_]) -> Array:
        """Return the pictures alone."""
        found = [self.look.pixels(self.split.items[index][0]) for index in indices]
        return np.stack(found) if found else np.empty((0, self.look.height, self.look.width, 3))

    @property
    def truth(self) -> Array:
        """Return the indices of all labels."""
        return np.array([label for _, label in self.split.items], int)
