"""metrics.json: what a step measured, as the gate will read it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Never

from comal_trainer.contract import MAX_METRIC_NAME, MAX_METRICS, MAX_METRICS_BYTES, Reason
from comal_trainer.contract.decimals import decimal_text
from comal_trainer.failure import JobFailure
from comal_trainer.files import NotPlainFileError, open_plain, write_atomically

_NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_./:@-]{{0,{MAX_METRIC_NAME - 1}}}")


def write_metrics(path: Path, metrics: Mapping[str, float]) -> None:
    """Write metrics.json; numbers that are not finite are written as NaN and Infinity."""
    write_atomically(path, json.dumps(dict(metrics), indent=2, sort_keys=True).encode() + b"\n")


def read_metrics(path: Path) -> dict[str, str]:
    """Return the metrics as decimal strings, sorted by name; raise JobFailure with the reason."""
    try:
        with open_plain(path) as file:
            content = file.read(MAX_METRICS_BYTES + 1)
    except FileNotFoundError:
        message = f"{path.name} does not exist; a step must write it, see COMAL_METRICS_FILE"
        raise JobFailure(Reason.METRICS_MISSING, message) from None
    except NotPlainFileError as error:
        raise JobFailure(Reason.METRICS_INVALID, str(error)) from None
    if len(content) > MAX_METRICS_BYTES:
        message = f"{path.name} is larger than {MAX_METRICS_BYTES} bytes; write only the metrics"
        raise JobFailure(Reason.METRICS_TOO_LARGE, message)
    return parse_metrics(content, path.name)


def parse_metrics(content: bytes, file_name: str) -> dict[str, str]:
    """Return the metrics of a file's bytes as decimal strings; raise JobFailure."""
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        _refuse(f"{file_name} is not a JSON object of numbers: {error!s:.200}")
    if not isinstance(value, dict):
        _refuse(f"{file_name} is not a JSON object; write one such as {{'mse': 0.5}}")
    if len(value) > MAX_METRICS:
        message = f"{file_name} has {len(value)} metrics; at most {MAX_METRICS} are kept"
        raise JobFailure(Reason.METRICS_TOO_LARGE, message)
    return {name: _decimal(file_name, name, value[name]) for name in sorted(value)}


def _decimal(file_name: str, name: str, value: Any) -> str:
    if not _NAME.fullmatch(name):
        allowed = f"letters, digits and _./:@- only, at most {MAX_METRIC_NAME}"
        _refuse(f"{file_name}: metric name {name[:80]!a} is not valid; use {allowed}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        shown = json.dumps(value)[:80]
        _refuse(f"{file_name}: {name} is {shown}, not a number; write it without quotes")
    try:
        return decimal_text(value)
    except OverflowError:
        return "Infinity" if value > 0 else "-Infinity"


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name appears twice")
    return result


def _refuse(message: str) -> Never:
    raise JobFailure(Reason.METRICS_INVALID, message)
