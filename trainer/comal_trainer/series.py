"""The series of metrics that steps wrote while they ran: `.comal/metrics/<step>.jsonl`."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from comal_trainer.contract import ContractError
from comal_trainer.contract.progress import read_metric
from comal_trainer.files import NotPlainFileError, open_plain

# A step per file; what a summary needs stands at the end of each.
MOST_FILES: Final = 64
_TAIL_BYTES: Final = 1 << 20


def newest_metrics(folder: Path) -> dict[str, str]:
    """Return the newest value of every metric in the folder's series, as decimal strings.

    Lines that are none (a killed step leaves half of one) and names or values that metrics.json
    may not have are passed over: a series is evidence, not the run's result.
    """
    newest: dict[str, tuple[str, str]] = {}
    for path in sorted(folder.glob("*.jsonl"))[:MOST_FILES]:
        for time, metrics in _lines(path):
            for name, value in metrics.items():
                before = newest.get(name, ("", ""))
                if time >= before[0]:
                    newest[name] = (time, value)
    return {name: newest[name][1] for name in sorted(newest)}


def read_line(line: bytes) -> dict[str, Any] | None:
    """Return a line as the client writes it, without what it may not hold; None where it is none.

    A number that JSON has no word for is a text: NaN, Infinity.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("metrics"), dict):
        return None
    metrics = {name: _number(text) for name, text in _readable(value["metrics"]).items()}
    if not metrics:
        return None
    step, epoch = value.get("step"), value.get("epoch")
    found = {
        "time": str(value.get("time") or "")[:32],
        "step": step if isinstance(step, int) and not isinstance(step, bool) else None,
        "epoch": str(epoch)[:32] if isinstance(epoch, (str, int)) else None,
    }
    return {**{key: told for key, told in found.items() if told is not None}, "metrics": metrics}


def _number(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _lines(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for line in _tail(path).split(b"\n"):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and isinstance(value.get("metrics"), dict):
            yield str(value.get("time") or ""), _readable(value["metrics"])


def _readable(metrics: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in metrics.items():
        try:
            found[name] = read_metric(name, value)
        except ContractError:
            continue
    return found


def _tail(path: Path) -> bytes:
    try:
        with open_plain(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            return file.read(_TAIL_BYTES)
    except (OSError, NotPlainFileError):
        return b""
