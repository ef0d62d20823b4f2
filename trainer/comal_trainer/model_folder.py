"""The folder of a model: which files it may hold, and how they are copied into the package."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from comal_trainer.card_values import check_path, invalid
from comal_trainer.files import NotPlainFileError, files_below, open_plain

MAX_FILES: Final = 900
# The scorer writes these beside a model's own files; see its artifact.py.
RESERVED: Final = frozenset({"manifest.json", "config.json", ".partial", "serving"})


def model_files(folder: Path, workspace: Path) -> tuple[str, ...]:
    """Return the relative paths of a model folder, sorted; raise JobFailure for what may not be."""
    if not folder.is_dir():
        invalid(
            f"the model folder {folder.name!r} does not exist; a step must write COMAL_MODEL_DIR"
        )
    if not folder.resolve().is_relative_to(workspace.resolve()) or folder.is_symlink():
        invalid(f"the model folder {folder.name!r} leads out of the workspace")
    try:
        paths = tuple(path.relative_to(folder).as_posix() for path in files_below(folder))
    except NotPlainFileError as error:
        invalid(f"model folder: {error}")
    if len(paths) > MAX_FILES:
        invalid(f"the model folder holds {len(paths)} files; at most {MAX_FILES} are registered")
    for path in paths:
        check_path("model folder", path)
        if path.split("/", maxsplit=1)[0] in RESERVED:
            invalid(f"model folder: the name {path!r} is taken by Comal; rename it")
    return paths


def copy_files(source: Path, paths: tuple[str, ...], target: Path) -> None:
    """Copy plain files below `source` to the same paths below `target`; never follows a link."""
    for path in paths:
        destination = target / path
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open_plain(source / path) as reading, destination.open("xb") as writing:
                shutil.copyfileobj(reading, writing, 1024 * 1024)
        except (NotPlainFileError, FileNotFoundError) as error:
            invalid(f"model folder: {path} changed while it was copied: {error}")
