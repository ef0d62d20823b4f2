"""One file from a web server, as it comes, with limits."""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests

from comal_trainer.contract.data import DATA_TOO_LARGE, DATA_UNAVAILABLE
from comal_trainer.progress import progress

_TIMEOUTS = (10, 60)
_MOST_REDIRECTS = 5
_ATTEMPTS = 4
_CHUNK = 1 << 20
# A server that sends a byte a minute would keep the run for ever.
_MOST_SECONDS = 12 * 3600
_PLAIN = re.compile(r"[^-._A-Za-z0-9]+")


class DataError(Exception):
    """Data that cannot be had, with the reason that the run's condition shows."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def download(uri: str, folder: Path, room: int) -> None:
    """Write what `uri` answers into `folder`, under the last part of its path.

    Raises DataError: DataUnavailable after a few attempts, DataTooLarge for more than `room` bytes.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _once(uri, folder / file_name(uri), room)
        except DataError as error:
            if error.reason != DATA_UNAVAILABLE or attempt == _ATTEMPTS:
                raise
            print(f"attempt {attempt} failed, trying again: {error}", flush=True)
            time.sleep(2 ** (attempt - 2))
    raise AssertionError  # the loop returns or raises


def file_name(uri: str) -> str:
    """Return the name under which a download is kept: the last part of the address's path."""
    last = unquote(urlsplit(uri).path.rpartition("/")[2])
    return _PLAIN.sub("-", last).lstrip(".-")[:128] or "data"


def _once(uri: str, place: Path, room: int) -> None:
    try:
        with requests.Session() as session:
            session.max_redirects = _MOST_REDIRECTS
            with session.get(uri, stream=True, timeout=_TIMEOUTS) as answer:
                _write(answer, uri, place, room)
    except (requests.RequestException, OSError) as error:
        raise DataError(DATA_UNAVAILABLE, f"{_shown(uri)}: {error!s:.300}") from None


def _write(answer: requests.Response, uri: str, place: Path, room: int) -> None:
    if answer.status_code != requests.codes.ok:
        raise DataError(DATA_UNAVAILABLE, f"{_shown(uri)} answers HTTP {answer.status_code}")
    length = answer.headers.get("Content-Length", "")
    expected = int(length) if length.isdecimal() else 0
    size, told, started = 0, 0.0, time.monotonic()
    _fits(max(size, expected), room)
    with place.open("wb") as file:
        for chunk in answer.iter_content(_CHUNK):
            size += len(chunk)
            _fits(size, room)
            if time.monotonic() - started > _MOST_SECONDS:
                raise DataError(DATA_UNAVAILABLE, f"{_shown(uri)}: {size} bytes after 12 hours")
            file.write(chunk)
            percent = 100 * size / max(expected, size, 1)
            if percent >= told + 10:
                told = percent
                progress(percent, f"{size} bytes of {_shown(uri)}")
    # A packed answer is unpacked on the way, so that its length tells nothing.
    if expected and size < expected and not answer.headers.get("Content-Encoding"):
        raise DataError(DATA_UNAVAILABLE, f"{_shown(uri)} ended after {size} of {expected} bytes")


def _fits(size: int, room: int) -> None:
    if size > room:
        message = f"{size} bytes do not fit into the {max(room, 0)} that the workspace has left"
        raise DataError(DATA_TOO_LARGE, f"{message}: raise workspace.size")


def _shown(uri: str) -> str:
    """Return the address without what may be a key: shared access signatures stand in queries."""
    return urlsplit(uri)._replace(query="", fragment="").geturl()
