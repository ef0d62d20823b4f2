"""Tags that say what is in an image: the same inputs, the same tag."""

import hashlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

from images.dockerfile import Stage

_TAG_DIGITS = 12


def tag(stages: tuple[Stage, ...], root: Path) -> str:
    """Twelve hex digits over the stages' instructions and every file that they copy."""
    digest = hashlib.sha256()
    for stage in stages:
        digest.update(f"{stage.name}\n{stage.base}\n".encode())
        for instruction in stage.instructions:
            digest.update(f"{instruction}\n".encode())
        for source in stage.sources:
            for path in _files(root / source):
                content = hashlib.sha256(_relevant(path)).hexdigest()
                digest.update(f"{path.relative_to(root)} {content}\n".encode())
    return digest.hexdigest()[:_TAG_DIGITS]


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
        return
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _relevant(path: Path) -> bytes:
    if path.name != "pyproject.toml":
        return path.read_bytes()
    # Images are made from its extras alone; a linter's setting must not rebuild them.
    project = tomllib.loads(path.read_text())["project"]
    return repr(project["optional-dependencies"]).encode()
