"""The series of metrics made small enough to be kept with the run: thinned evenly, then packed."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from comal_trainer.contract.progress import MAX_SERIES_TEXT
from comal_trainer.files import NotPlainFileError, open_plain
from comal_trainer.series import MOST_FILES, read_line

# An epoch a line, this is every epoch of nearly every training.
_MOST_LINES: Final = 2000
_MOST_BYTES_OF_A_LINE: Final = 64 << 10
# As the client writes it, and as `date -u` does; its letters sort as time does.
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Packed:
    """A metrics.jsonl, gzip in base64, and its number of lines."""

    text: str = ""
    lines: int = 0


def pack(folder: Path, *, since: str = "") -> Packed:
    """Return the series of all steps of the folder; the same files give the same text.

    Lines from before `since` are another run's, which worked on the same volume.
    Of a step that reported more than there is room for every second line is left out, and so on;
    its last line is always there.
    """
    series = [_thinned(path, since) for path in sorted(folder.glob("*.jsonl"))[:MOST_FILES]]
    most = _MOST_LINES
    while most:
        lines = [line for one in series for line in _even(one, most)]
        if not lines:
            break
        packed = gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)
        text = base64.b64encode(packed).decode("ascii")
        if len(text) <= MAX_SERIES_TEXT:
            return Packed(text, len(lines))
        most //= 2
    return Packed()


def _thinned(path: Path, since: str) -> list[str]:
    """Return a file's lines, of a long one evenly fewer: it is never held as a whole."""
    kept: list[str] = []
    every, last = 1, ""
    for number, line in enumerate(_lines(path, since)):
        last = line
        if number % every == 0:
            kept.append(line)
        if len(kept) > 2 * _MOST_LINES:
            kept, every = kept[::2], every * 2
    return kept if not kept or kept[-1] == last else [*kept, last]


def _even(lines: list[str], most: int) -> list[str]:
    """Return at most `most` of the lines, evenly, with the first and the last."""
    if len(lines) <= most:
        return lines
    every = math.ceil(len(lines) / most)
    return [*lines[:-1:every][: most - 1], lines[-1]]


def _lines(path: Path, since: str) -> Iterator[str]:
    try:
        with open_plain(path) as file:
            while raw := file.readline(_MOST_BYTES_OF_A_LINE):
                found = read_line(raw)
                if found is not None and not _is_before(str(found["time"]), since):
                    yield json.dumps({"from": path.stem, **found}, separators=(",", ":"))
    except (OSError, NotPlainFileError):
        return


def _is_before(time: str, since: str) -> bool:
    return _TIME.fullmatch(time) is not None and time[:19] < since[:19]
