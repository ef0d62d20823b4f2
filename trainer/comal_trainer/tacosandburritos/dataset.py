"""Pictures on disk: `<split>/<label>/<number>.jpg`, and a list of each split beside them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from comal_trainer.failure import UserError
from comal_trainer.files import write_atomically
from comal_trainer.settings import Settings

TRAIN: Final = "train"
TEST: Final = "test"
DESCRIPTION: Final = "data.json"


@dataclass(frozen=True, slots=True)
class Picture:
    """One JPEG: its label, its bytes, and where it came from."""

    label: str
    content: bytes
    name: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A prepared folder: labels sorted, and for each split the files with their label's index."""

    labels: tuple[str, ...]
    train: tuple[tuple[Path, int], ...]
    test: tuple[tuple[Path, int], ...]


def data_folder(settings: Settings) -> Path:
    """Return the folder of this sample's pictures."""
    return settings.data_dir / "tacosandburritos"


def is_prepared(folder: Path, request: Mapping[str, object]) -> bool:
    """Return whether the folder was prepared, to its end, for the same request."""
    try:
        described = json.loads((folder / DESCRIPTION).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(described, dict) and described.get("request") == dict(request)


def write_dataset(
    folder: Path, splits: Mapping[str, Sequence[Picture]], request: Mapping[str, object]
) -> str:
    """Write all pictures, the lists and, last, the description; return the data's digest."""
    listed = []
    for split, pictures in splits.items():
        lines = []
        for number, picture in enumerate(pictures):
            path = f"{split}/{picture.label}/{number:05}.jpg"
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(picture.content)
            lines.append(f"{path}\n")
            listed.append(f"{path} {hashlib.sha256(picture.content).hexdigest()}\n")
        (folder / f"{split}.txt").write_text("".join(lines))
    # Over the pictures, not over the list of their names: the list alone proves nothing.
    digest = hashlib.sha256("".join(listed).encode()).hexdigest()
    description = {"request": dict(request), "sha256": digest, "files": len(listed)}
    write_atomically(folder / DESCRIPTION, json.dumps(description, indent=2).encode())
    return digest


def read_dataset(folder: Path) -> Dataset:
    """Return what `prepare` wrote; raise UserError when it did not."""
    if not (folder / DESCRIPTION).is_file():
        raise UserError("no prepared data in the workspace; run `tacosandburritos prepare` first")
    # Sorted, and kept with the model: the order of a file system means nothing.
    labels = tuple(sorted(path.name for path in (folder / TRAIN).iterdir()))

    def listed(split: str) -> tuple[tuple[Path, int], ...]:
        lines = (folder / f"{split}.txt").read_text().splitlines()
        return tuple((folder / line, labels.index(line.split("/")[1])) for line in lines)

    return Dataset(labels=labels, train=listed(TRAIN), test=listed(TEST))


def split_by_content(pictures: Sequence[Picture], share: float) -> dict[str, list[Picture]]:
    """Return the pictures as train and test; a picture that appears twice is kept once.

    The digest decides, so the same pictures are split alike in whatever order they come.
    Raises UserError for a label with fewer than two pictures.
    """
    unique = {hashlib.sha256(p.content).hexdigest(): p for p in pictures}
    by_label: dict[str, list[Picture]] = {}
    for _, picture in sorted(unique.items()):
        by_label.setdefault(picture.label, []).append(picture)
    if len(by_label) < 2:
        raise UserError(f"found the labels {sorted(by_label)}; at least two folders are needed")
    splits: dict[str, list[Picture]] = {TRAIN: [], TEST: []}
    for label, members in sorted(by_label.items()):
        if len(members) < 2:
            raise UserError(f"label {label!r} has one picture; at least two are needed")
        held_out = math.ceil(len(members) * share)
        splits[TEST] += members[:held_out]
        splits[TRAIN] += members[held_out:]
    return splits
