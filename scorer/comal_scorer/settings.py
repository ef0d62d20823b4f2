"""The server's settings, read once from the environment and refused in one sentence each."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from comal_scorer import contract
from comal_scorer.contract import TerminationReason
from comal_scorer.failure import TerminationError

# These values travel in response headers and metric labels.
_LABEL = re.compile(r"[A-Za-z0-9._:/+-]{0,253}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything `serve` may be told; sizes in bytes, times in seconds.

    `threads` and `max_in_flight` are None where the machine and the measured model decide.
    """

    model_dir: Path
    model_digest: str
    model_name: str
    model_version: str
    revision: str
    host: str = "0.0.0.0"  # noqa: S104 - a Pod has its own address
    port: int = contract.DEFAULT_PORT
    threads: int | None = None
    drain_seconds: float = contract.DEFAULT_DRAIN_SECONDS
    request_log: bool = True
    max_body_bytes: int = contract.DEFAULT_MAX_BODY_BYTES
    max_image_pixels: int = contract.DEFAULT_MAX_IMAGE_PIXELS
    max_in_flight: int | None = None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings; raises `TerminationError` (SettingsInvalid) naming the variable."""
    digest = environment.get(contract.MODEL_DIGEST_ENV, "")
    if not digest:
        raise _invalid(contract.MODEL_DIGEST_ENV, digest, "the digest of the model's manifest")
    return Settings(
        model_dir=Path(environment.get(contract.MODEL_DIR_ENV, contract.DEFAULT_MODEL_DIR)),
        model_digest=digest,
        model_name=_label(environment, contract.MODEL_NAME_ENV),
        model_version=_label(environment, contract.MODEL_VERSION_ENV),
        revision=_label(environment, contract.REVISION_ENV),
        port=_whole(environment, contract.PORT_ENV, contract.DEFAULT_PORT, 1, 65535),
        threads=_whole(environment, contract.THREADS_ENV, 0, 1, 1024) or None,
        drain_seconds=_seconds(environment, contract.DRAIN_SECONDS_ENV),
        request_log=_switch(environment, contract.REQUEST_LOG_ENV),
        max_body_bytes=_whole(
            environment, contract.MAX_BODY_BYTES_ENV, contract.DEFAULT_MAX_BODY_BYTES, 1, 2**30
        ),
        max_image_pixels=_whole(
            environment, contract.MAX_IMAGE_PIXELS_ENV, contract.DEFAULT_MAX_IMAGE_PIXELS, 1, 2**28
        ),
        max_in_flight=_whole(environment, contract.MAX_IN_FLIGHT_ENV, 0, 1, 100_000) or None,
    )


def _label(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not _LABEL.fullmatch(value):
        raise _invalid(name, value, "letters, digits and . _ : / + - only")
    return value


def _whole(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = environment.get(name, "")
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
        raise _invalid(name, value, f"a whole number from {low} to {high}")
    return int(value)


def _seconds(environment: Mapping[str, str], name: str) -> float:
    value = environment.get(name, "")
    if not value:
        return contract.DEFAULT_DRAIN_SECONDS
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= 3600:
        raise _invalid(name, value, "seconds from 0 to 3600")
    return seconds


def _switch(environment: Mapping[str, str], name: str) -> bool:
    value = environment.get(name, "") or "on"
    if value not in {"on", "off"}:
        raise _invalid(name, value, "on or off")
    return value == "on"


def _invalid(name: str, value: str, expected: str) -> TerminationError:
    message = f"{name}: {value[:80]!r}, expected {expected}"
    return TerminationError(TerminationReason.SETTINGS_INVALID, message)
