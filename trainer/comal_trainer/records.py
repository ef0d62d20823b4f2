"""What of the workspace is kept with a version beside its bytes: signatures, data statistics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from comal_trainer.contract import (
    MAX_MESSAGE_BYTES,
    ContractError,
    FileSignature,
    Reason,
    Registered,
)
from comal_trainer.contract.statistics import Statistics
from comal_trainer.data_digest import hmac_of, sha256_of
from comal_trainer.failure import JobFailure
from comal_trainer.files import NotPlainFileError, open_plain
from comal_trainer.settings import Settings

_MOST_BYTES = 1 << 20


def with_records(
    answer: Registered, settings: Settings, sign: Iterable[tuple[str, str]], key: str
) -> Registered:
    """Return the answer with the signatures asked for, and with what statistics there are."""
    if answer.error is not None:
        return answer
    try:
        signed = tuple(_signature(settings.workspace, of, path, key) for of, path in sign)
    except JobFailure as failure:
        return Registered(error=failure.error)
    answer = replace(answer, signatures=signed)
    room = MAX_MESSAGE_BYTES - len(answer.encode())
    return replace(answer, statistics=_statistics(settings.data_statistics_file, room))


def _signature(workspace: Path, of: str, path: str, key: str) -> FileSignature:
    file = workspace / path
    try:
        return FileSignature(of, path, hmac_of(file, key), sha256_of(file))
    except (FileNotFoundError, NotPlainFileError) as error:
        found = "does not exist" if isinstance(error, FileNotFoundError) else "is no plain file"
        message = f"register.sign.{of}: {path} {found} in the workspace: write it, or correct it"
        raise JobFailure(Reason.MODEL_INVALID, message) from None


def _statistics(file: Path, room: int) -> str:
    """Return the packed statistics; nothing where there are none, which is no fault."""
    try:
        with open_plain(file) as content:
            return Statistics.read(content.read(_MOST_BYTES)).packed(room)
    except FileNotFoundError:
        return ""
    except (ContractError, NotPlainFileError) as error:
        print(f"{file.name} is not kept with the version: {error}", flush=True)
        return ""
