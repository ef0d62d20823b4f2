"""What a step says while it runs: how far it is, what it measured, what it went on from.

The same JSON object goes by POST to the operator and into a file on the workspace. Standard library
only, as the operator imports this; docs/step-contract.md says the same for other languages, and
`comal_trainer.heartbeat`, which people copy, repeats the constants (a test compares them).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from comal_trainer.contract import MAX_METRIC_NAME, MAX_METRICS, ContractError
from comal_trainer.contract.decimals import decimal_text

PROGRESS_URL_ENV: Final = "COMAL_PROGRESS_URL"
# Whoever steals this token can only tell how far one step is: no API server accepts it.
AUDIENCE: Final = "comal.dev/progress"
PROGRESS_TOKEN_DIR: Final = "/var/run/secrets/comal.dev/progress"  # noqa: S105 - a folder
PROGRESS_TOKEN_FILE: Final = f"{PROGRESS_TOKEN_DIR}/token"
TOKEN_SECONDS: Final = 3600
PROGRESS_PORT: Final = 8090
PROGRESS_PATH: Final = "/v1/progress"

PROGRESS_DIR: Final = ".comal/progress"  # <step>.json: the newest report
SERIES_DIR: Final = ".comal/metrics"  # <step>.jsonl: one line for each report with metrics
SERIES_FILE: Final = "metrics.jsonl.gz"  # all of them, thinned and packed: what is kept
SERIES_MARK: Final = "comal-series:"  # in the log of `collect`, before that file in base64
MAX_SERIES_TEXT: Final = 12 * 1024

# In a container beside a step that only writes those files: posts what is new in them.
FOLLOW_COMMAND: Final = "follow"

MAX_REPORT_BYTES: Final = 16 * 1024
MAX_ETA_SECONDS: Final = 10 * 365 * 24 * 3600
MAX_TRAINING_STEP: Final = 2**53
MAX_RESUMED_FROM: Final = 128
MAX_SAID: Final = 256

_EPOCH: Final = re.compile(r"[0-9]{1,9}(/[0-9]{1,9})?", re.ASCII)
_METRIC: Final = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_./:@-]{{0,{MAX_METRIC_NAME - 1}}}")
_FIELDS: Final = (
    "percent",
    "etaSeconds",
    "epoch",
    "step",
    "metrics",
    "resumedFrom",
    "message",
    "ageSeconds",
)


@dataclass(frozen=True, slots=True)
class Report:
    """All that a step knows of its progress at one moment; what it does not know is None."""

    percent: float | None = None
    """Share of this step that is done, 0 to 100."""
    eta_seconds: int | None = None
    """Seconds that the step still needs, by its own reckoning."""
    epoch: str | None = None
    """Such as 9/20, counted from 1."""
    step: int | None = None
    """The training step (batches seen), which goes on counting after a restart."""
    metrics: Mapping[str, str] = field(default_factory=dict)
    """Newest values as decimal strings, at most MAX_METRICS."""
    resumed_from: str | None = None
    """What this attempt went on from, such as `step 8200`."""
    message: str | None = None
    """What the step is doing, for a person."""
    age_seconds: float = 0.0
    """How long ago the step said this: a client that repeats a report keeps a hang visible."""

    @classmethod
    def decode(cls, text: bytes | str) -> Self:
        """Return the report that `text` holds; raise ContractError naming field and remedy."""
        if len(text) > MAX_REPORT_BYTES:
            raise ContractError(f"report of {len(text)} bytes, at most {MAX_REPORT_BYTES}")
        try:
            value = json.loads(text, object_pairs_hook=_without_repeats)
        except (ValueError, RecursionError) as error:
            raise ContractError(f"the report is not JSON: {error!s:.120}") from error
        if not isinstance(value, dict):
            raise ContractError('the report is not a JSON object, such as {"percent": 40}')
        unknown = sorted(value.keys() - set(_FIELDS))
        if unknown:
            known = ", ".join(_FIELDS)
            raise ContractError(f"{unknown[0]!a:.80}: no such field; a report has {known}")
        # A null is what a step does not know.
        return cls._read({key: item for key, item in value.items() if item is not None})

    @classmethod
    def _read(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            percent=_number(value, "percent", 100),
            eta_seconds=_whole(value, "etaSeconds", MAX_ETA_SECONDS),
            epoch=_epoch(value),
            step=_whole(value, "step", MAX_TRAINING_STEP),
            metrics=_metrics(value.get("metrics", {})),
            resumed_from=_text(value, "resumedFrom", MAX_RESUMED_FROM),
            message=_text(value, "message", MAX_SAID),
            age_seconds=_number(value, "ageSeconds", MAX_ETA_SECONDS) or 0.0,
        )


def read_metric(name: str, value: Any) -> str:
    """Return one metric as a decimal string; raise ContractError for a bad name or no number."""
    if not isinstance(name, str) or not _METRIC.fullmatch(name):
        allowed = f"letters, digits and _./:@- only, at most {MAX_METRIC_NAME}"
        raise ContractError(f"metrics: name {name!a:.80} is not valid; use {allowed}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ContractError(f"metrics.{name} is {value!a:.80}: write a number, without quotes")
    try:
        return decimal_text(value)
    except OverflowError:
        return "Infinity" if value > 0 else "-Infinity"


def _metrics(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ContractError('metrics is not an object of numbers, such as {"loss": 0.4}')
    if len(value) > MAX_METRICS:
        raise ContractError(f"metrics has {len(value)} entries: send at most {MAX_METRICS}")
    return {name: read_metric(name, value[name]) for name in sorted(value)}


def _number(value: Mapping[str, Any], name: str, most: float) -> float | None:
    found = value.get(name)
    if found is None:
        return None
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    if not is_number or not 0 <= found <= most:  # which no NaN is
        raise ContractError(f"{name} is {found!a:.80}: write a number from 0 to {most}")
    return float(found)


def _whole(value: Mapping[str, Any], name: str, most: int) -> int | None:
    found = value.get(name)
    if found is None:
        return None
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= most:
        raise ContractError(f"{name} is {found!a:.80}: write a whole number from 0 to {most}")
    return found


def _text(value: Mapping[str, Any], name: str, most: int) -> str | None:
    found = value.get(name)
    if found is None:
        return None
    if not isinstance(found, str) or len(found) > most or not found.isprintable():
        raise ContractError(f"{name} is {found!a:.80}: write one line, at most {most} characters")
    return found


def _epoch(value: Mapping[str, Any]) -> str | None:
    found = value.get("epoch")
    if found is None:
        return None
    if not isinstance(found, str) or not _EPOCH.fullmatch(found):
        raise ContractError(f"epoch is {found!a:.80}: write it as 9 or 9/20, in quotes")
    return found


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name appears twice")
    return result
