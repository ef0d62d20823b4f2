"""Pictures on disk: `<split>/<label>/<number>.jpg`, and a list of each split beside them."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from comal_trainer.data_record import DataRecord, record_data
from comal_trainer.failure import UserError
from comal_trainer.files import write_atomically

TRAIN: Final = "train"
VALIDATION: Final = "validation"
TEST: Final = "test"
# Written last: without it a folder is half prepared.
_REQUEST: Final = "request.json"


@dataclass(frozen=True, slots=True)
class Picture:
    """One JPEG: its label, its bytes, and where it came from."""

    label: str
    content: bytes
    name: str


@dataclass(frozen=True, slots=True)
class Split:
    """Files with the indices of their labels."""

    items: tuple[tuple[Path, int], ...]

    def __len__(self) -> int:
        """Return how many pictures there are."""
        return len(self.items)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A prepared folder: labels sorted, the splits by name, and what all of it is."""

    folder: Path
    labels: tuple[str, ...]
    splits: Mapping[str, Split]
    record: DataRecord


def is_prepared(folder: Path, request: Mapping[str, object]) -> bool:
    """Return whether the folder was prepared, to its end, for the same request."""
    try:
        described = json.loads((folder / _REQUEST).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(described, dict) and described == dict(request)


def write_dataset(
    folder: Path,
    splits: Mapping[str, Sequence[Picture]],
    request: Mapping[str, object],
    source: str,
) -> DataRecord:
    """Replace the folder by these pictures, their lists and, last, the request; return the record.

    The record's digest is over the pictures: over their names alone it would prove nothing.
    """
    shutil.rmtree(folder, ignore_errors=True)
    files = []
    for split, pictures in splits.items():
        paths = [f"{split}/{p.label}/{number:05}.jpg" for number, p in enumerate(pictures)]
        for path, picture in zip(paths, pictures, strict=True):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(picture.content)
            files.append(target)
        (folder / f"{split}.txt").write_text("".join(f"{path}\n" for path in paths))
    record = record_data(folder, files, source=source, generated=False, rows=len(files))
    write_atomically(folder / _REQUEST, json.dumps(dict(request), indent=2).encode())
    return record


def read_dataset(folder: Path, command: str) -> Dataset:
    """Return what the `command` prepared; raise UserError naming it when it did not."""
    if not (folder / _REQUEST).is_file():
        raise UserError(f"no prepared data in the workspace; run `{command}` first")
    # Sorted, and kept with the model: the order of a file system means nothing.
    labels = tuple(sorted(path.name for path in (folder / TRAIN).iterdir()))

    def listed(path: Path) -> Split:
        lines = path.read_text().splitlines()
        return Split(tuple((folder / line, labels.index(line.split("/")[1])) for line in lines))

    lists = [folder / f"{split}.txt" for split in (TRAIN, VALIDATION, TEST)]
    splits = {path.stem: listed(path) for path in lists if path.is_file()}
    return Dataset(folder, labels, splits, DataRecord.read(folder, command))


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
