"""The data of a run: how it is fetched, signed and described.

Standard library only: the operator imports this.
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

FETCH_DATA_COMMAND: Final = "fetch-data"
DATA_DIR_ENV: Final = "COMAL_DATA_DIR"
# Relative to the workspace: data/<name>/ for each source.
DATA_PATH: Final = "data"
# Where `fetch-data` finds the claims of pvc:// sources: /comal/sources/<name>/.
SOURCES_DIR: Final = "/comal/sources"
# What check-data compares with: statistics of the data of the registered version.
BASELINE_STATISTICS_FILE: Final = "baseline-statistics.json"

DATA_UNAVAILABLE: Final = "DataUnavailable"
DATA_DIGEST_MISMATCH: Final = "DataDigestMismatch"
DATA_TOO_LARGE: Final = "DataTooLarge"
DATA_INVALID: Final = "DataInvalid"


@dataclass(frozen=True, slots=True)
class Source:
    """One file or folder to fetch; `sha256` is empty where any is right."""

    name: str
    uri: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a source turned out to be; `rows` is -1 where it is no table."""

    name: str
    digest: str
    size: int
    rows: int = -1


@dataclass(frozen=True, slots=True)
class FetchedData(_Message):
    """The answer of `fetch-data`: every source in the order asked for, or what is wrong."""

    data: tuple[Fetched, ...] = ()
    error: JobError | None = None

    @classmethod
    def _read(cls, value: Any) -> Self:
        data = tuple(_fetched(item) for item in value.get("data", []))
        return cls(data=data, error=_error(value["error"]))


def fetch_data_arguments(sources: Sequence[Source]) -> tuple[str, ...]:
    """Return the container arguments of the job that lays the data into the workspace."""
    asked = [[source.name, source.uri, source.sha256] for source in sources]
    text = json.dumps(asked, separators=(",", ":"))
    # `$(X)` in an argument would be expanded by the kubelet; an address means the text.
    return (FETCH_DATA_COMMAND, f"--sources={text}".replace("$(", "$$("))


def read_sources(text: str) -> tuple[Source, ...]:
    """Return the sources of `fetch_data_arguments`; raise ContractError."""
    try:
        return tuple(Source(_text(n), _text(u), _text(s)) for n, u, s in json.loads(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise ContractError(f"sources: {error!s:.200}") from error


def claim_of(uri: str) -> tuple[str, str]:
    """Return (claim, path within it) of pvc://<claim>/<path>."""
    claim, _, path = uri.removeprefix("pvc://").partition("/")
    return claim, path.strip("/")


def is_claim(uri: str) -> bool:
    """Return whether the source lies on a claim of the run's namespace."""
    return uri.startswith("pvc://")


def _fetched(value: Any) -> Fetched:
    digest = _text(value["digest"])
    if not _DIGEST.fullmatch(digest):
        raise ContractError(f"digest {digest[:80]!r} is not sha256:<64 hex digits>")
    rows = _count(value.get("rows", -1), least=-1)
    return Fetched(_text(value["name"]), digest, _count(value["size"]), rows)
