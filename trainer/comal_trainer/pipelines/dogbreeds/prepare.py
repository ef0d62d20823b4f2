"""`dogbreeds prepare`: pictures into the workspace, in three parts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from comal_trainer.pictures.dataset import TEST, TRAIN, VALIDATION, is_prepared, write_dataset
from comal_trainer.pipelines.dogbreeds.digits import SOURCE, digits
from comal_trainer.progress import progress
from comal_trainer.settings import Settings


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many pictures of each class, and their width and height in pixels."""

    images: int
    validation_images: int
    image_size: int


def data_folder(settings: Settings) -> Path:
    """Return the folder of this sample's pictures."""
    return settings.data_dir / "dogbreeds"


def prepare(settings: Settings, wanted: Wanted) -> None:
    """Fill the data folder unless it already holds what is wanted."""
    request: dict[str, object] = asdict(wanted)
    if is_prepared(data_folder(settings), request):
        progress(100, "the data is already prepared")
        return
    splits = digits(wanted.images, wanted.validation_images, wanted.image_size)
    record = write_dataset(data_folder(settings), splits, request, SOURCE)
    counts = ", ".join(f"{split} {len(splits[split])}" for split in (TRAIN, VALIDATION, TEST))
    progress(100, f"{SOURCE}: {counts} pictures of 10 classes; sha256 {record.sha256}")
