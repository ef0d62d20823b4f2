"""Real pictures without a network: crops of two photographs that scikit-image brings along.

Grass and gravel, and called so: no tacos are to be had offline. Training crops come from the left
60 % of a photograph and test crops from the rest, so no pixel is in both.
"""

from __future__ import annotations

import importlib.util
import io
import random
from pathlib import Path
from typing import Final

from PIL import Image

from comal_trainer.contract import ExitCode
from comal_trainer.failure import UserError
from comal_trainer.pictures.dataset import TEST, TRAIN, Picture

LABELS: Final = ("grass", "gravel")
_TRAIN_SHARE: Final = 0.6
_LARGEST_CROP: Final = 160


def crops(images: int, size: int) -> dict[str, list[Picture]]:
    """Return `images` crops of each label, two thirds of them for training; always the same."""
    splits: dict[str, list[Picture]] = {TRAIN: [], TEST: []}
    for label in LABELS:
        with Image.open(_photograph(label)) as photograph:
            whole = photograph.convert("RGB")
        border = int(whole.width * _TRAIN_SHARE)
        train = max(1, images * 2 // 3)
        left = whole.crop((0, 0, border, whole.height))
        right = whole.crop((border, 0, whole.width, whole.height))
        splits[TRAIN] += _cut(label, left, train, size)
        splits[TEST] += _cut(label, right, max(1, images - train), size)
    return splits


def _cut(label: str, region: Image.Image, count: int, size: int) -> list[Picture]:
    chosen = random.Random(f"{label} {region.width}")  # noqa: S311 - the same crops every time
    side = min(size, _LARGEST_CROP)
    pictures = []
    for number in range(count):
        x, y = chosen.randint(0, region.width - side), chosen.randint(0, region.height - side)
        content = io.BytesIO()
        region.crop((x, y, x + side, y + side)).save(content, "JPEG", quality=92)
        pictures.append(Picture(label, content.getvalue(), f"{label} {number}"))
    return pictures


def _photograph(label: str) -> Path:
    # Found without importing: the package itself would load half of SciPy.
    found = importlib.util.find_spec("skimage")
    folders = found.submodule_search_locations if found else None
    for folder in folders or ():
        path = Path(folder) / "data" / f"{label}.png"
        if path.is_file():
            return path
    message = "the bundled photographs need scikit-image; use the trainer image or --zipfile"
    raise UserError(message, ExitCode.USAGE)
