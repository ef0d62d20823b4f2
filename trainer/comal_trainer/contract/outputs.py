"""The declared outputs of a step: how they are counted, and copied from another run.

`seal` runs when a step has exited with 0, `restore` when an equal step of another run is used
instead. Standard library only: the operator imports this.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from comal_trainer.contract import (
    _DIGEST,
    ContractError,
    JobError,
    _count,
    _error,
    _Message,
    _text,
)

SEAL_COMMAND: Final = "seal"
RESTORE_COMMAND: Final = "restore"
# Where `restore` finds another run's workspace.
CACHE_DIR: Final = "/comal/cache"
# Beside the workspace's own files: what has been copied, so that it is not copied again.
RESTORED_DIR: Final = ".comal/restored"
# Part of every key: outputs that were counted otherwise are never compared.
OUTPUTS_VERSION: Final = 1

OUTPUT_MISSING: Final = "OutputMissing"
CACHE_INVALID: Final = "CacheInvalid"


@dataclass(frozen=True, slots=True)
class Output:
    """One declared output as it was counted: a file, or a folder with all below it."""

    digest: str
    size: int
    files: int


@dataclass(frozen=True, slots=True)
class Sealed(_Message):
    """The answer of `seal`: the outputs in the order asked for, or which of them are missing."""

    outputs: tuple[Output, ...] = ()
    error: JobError | None = None

    @classmethod
    def _read(cls, value: Any) -> Self:
        outputs = tuple(_output(item) for item in value.get("outputs", []))
        return cls(outputs=outputs, error=_error(value["error"]))


@dataclass(frozen=True, slots=True)
class Restored(_Message):
    """The answer of `restore`: the bytes that were copied, or what did not match its digest."""

    size: int = 0
    error: JobError | None = None

    @classmethod
    def _read(cls, value: Any) -> Self:
        return cls(size=_count(value.get("size", 0)), error=_error(value["error"]))


def seal_arguments(paths: Sequence[str]) -> tuple[str, ...]:
    """Return the container arguments of the job that looks for declared outputs."""
    return (SEAL_COMMAND, *(f"--output={path}" for path in paths))


def restore_arguments(step: str, outputs: Sequence[tuple[str, str]], *, source: str) -> list[str]:
    """Return the container arguments of the job that copies (path, digest) pairs of a step."""
    asked = json.dumps([list(pair) for pair in outputs], separators=(",", ":"))
    return [RESTORE_COMMAND, f"--step={step}", f"--source={source}", f"--outputs={asked}"]


def read_pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Return the (path, digest) pairs of `restore_arguments`; raise ContractError."""
    try:
        return tuple((_text(path), _digest(digest)) for path, digest in json.loads(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise ContractError(f"outputs: {error!s:.200}") from error


def _output(value: Any) -> Output:
    return Output(_digest(value["digest"]), _count(value["size"]), _count(value["files"]))


def _digest(value: Any) -> str:
    text = _text(value)
    if not _DIGEST.fullmatch(text):
        raise ContractError(f"digest {text[:80]!r} is not sha256:<64 hex digits>")
    return text
