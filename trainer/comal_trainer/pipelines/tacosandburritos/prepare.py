"""`tacosandburritos prepare`: pictures into the workspace, once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from comal_trainer.pictures.dataset import (
    TEST,
    TRAIN,
    Picture,
    is_prepared,
    split_by_content,
    write_dataset,
)
from comal_trainer.pipelines.tacosandburritos.archive import fetch, read_pictures
from comal_trainer.pipelines.tacosandburritos.photographs import crops
from comal_trainer.progress import progress
from comal_trainer.settings import Settings

BUNDLED = "bundled"
_TEST_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pictures: a zip's address and digest, or `bundled` with a number and a size."""

    zipfile: str
    sha256: str | None
    images: int
    image_size: int


def data_folder(settings: Settings) -> Path:
    """Return the folder of this sample's pictures."""
    return settings.data_dir / "tacosandburritos"


def prepare(settings: Settings, wanted: Wanted, force: bool = False) -> None:
    """Fill the data folder unless it already holds what is wanted; raises UserError."""
    folder = data_folder(settings)
    # The size is only the crops'; a zip's pictures are kept as they are.
    request: dict[str, object] = asdict(wanted)
    if wanted.zipfile != BUNDLED:
        request = {"zipfile": wanted.zipfile, "sha256": wanted.sha256}
    if is_prepared(folder, request) and not force:
        progress(100, "the data is already prepared; --force prepares it again")
        return
    splits = _splits(settings, wanted)
    record = write_dataset(folder, splits, request, _source(wanted))
    labels = sorted({picture.label for picture in splits[TRAIN]})
    counts = f"{len(splits[TRAIN])} to train on, {len(splits[TEST])} held out"
    progress(100, f"labels {', '.join(labels)}: {counts}; sha256 {record.sha256}")


def _source(wanted: Wanted) -> str:
    if wanted.zipfile == BUNDLED:
        return "photographs of grass and gravel from scikit-image"
    # Without account and query: a signature in an address is a secret.
    parts = urlsplit(wanted.zipfile)
    return parts._replace(netloc=parts.hostname or "", query="", fragment="").geturl()[:500]


def _splits(settings: Settings, wanted: Wanted) -> dict[str, list[Picture]]:
    if wanted.zipfile == BUNDLED:
        progress(0, f"cutting {wanted.images} crops of each bundled photograph")
        return crops(wanted.images, wanted.image_size)
    progress(0, f"fetching {wanted.zipfile}")
    zipped = settings.data_dir / "data.zip"
    fetch(wanted.zipfile, zipped, wanted.sha256)
    try:
        return split_by_content(read_pictures(zipped), _TEST_SHARE)
    finally:
        zipped.unlink(missing_ok=True)
