"""`compare`: a candidate's answers to copies beside stable's answers to the requests themselves."""

from __future__ import annotations

import http.client
import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from comal_trainer.contract.comparison import Compared, Sides

_LARGEST_PAGE: Final = 64 * 2**20
_AT_ONCE: Final = 8
_SHOWN: Final = 200
_NOT_FOUND: Final = 404


@dataclass(frozen=True)
class _Answer:
    """One answer; `count` says how many numbers there were, of which the first are kept."""

    count: int
    found: Any
    at: float = 0.0


@dataclass(frozen=True)
class _Page:
    """What one Pod shows, or why it shows nothing."""

    answers: tuple[Mapping[str, Any], ...] = ()
    problem: str = ""
    at: float = 0.0


def compare(sides: Sides) -> Compared:
    """Return how many answers to copies differ from those to the requests; never who asked what.

    Only what both Pods still keep is compared: an answer that is missing on one side is late, lost
    or refused, which is not a difference.
    """
    seconds = max(1.0, time.time() - sides.since)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # Copies first: when the other side is read, the requests they were made of are answered.
        copies = list(pool.map(lambda one: _page(one, sides, seconds), sides.candidate))
        # A request may have been answered a while before its copy.
        back = seconds + sides.timeout + 60
        originals = list(pool.map(lambda one: _page(one, sides, back), sides.stable))
    for who, pages in (("the candidate", copies), ("stable", originals)):
        if all(one.problem for one in pages):
            why = pages[0].problem if pages else "it has no Pods"
            message = f"nothing is compared: no Pod of {who} shows its answers: {why}"
            return Compared("error", ascii(message)[1:-1][:480], 0, 0, 0.0)
    mine = {
        mark: one
        for mark, one in _answers(copies, of_copies=True)
        if sides.since < one.at <= sides.until
    }
    theirs = dict(_answers(originals, of_copies=False))
    differences = [
        difference(theirs[mark], mine[mark], sides.tolerance)
        for mark in sorted(mine.keys() & theirs.keys())
    ]
    different = sum(one is not None for one in differences)
    greatest = max((one for one in differences if one is not None), default=0.0)
    said = f"{different} of {len(differences)} answers differ"
    silent = sum(bool(one.problem) for one in (*copies, *originals))
    missing = f"; {silent} Pods did not show theirs" if silent else ""
    return Compared("compared", f"{said}{missing}", len(differences), different, greatest)


def difference(stable: _Answer, candidate: _Answer, tolerance: float) -> float | None:
    """Return the greatest difference of two numbers of answers that differ, None if they do not.

    Numbers may be off by `tolerance`, and large ones by that part of themselves. Answers that are
    not of the same form differ by no number.
    """
    if stable.count != candidate.count:
        return 0.0
    found = _Differences(tolerance)
    found.look(stable.found, candidate.found)
    return found.greatest if found.any else None


class _Differences:
    """What is found on the way through two answers."""

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self.any = False
        self.greatest = 0.0

    def look(self, one: Any, other: Any) -> None:
        if _is_number(one) and _is_number(other):
            apart = abs(one - other)
            if apart > self._tolerance * max(1.0, abs(one)):
                self.any = True
                self.greatest = max(self.greatest, float(apart))
        elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
            for mine, theirs in zip(one, other, strict=True):
                self.look(mine, theirs)
        elif isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
            for name in one:
                self.look(one[name], other[name])
        elif not _is_same(one, other):
            self.any = True


def _is_same(one: Any, other: Any) -> bool:
    both_are_none = one != one and other != other  # noqa: PLR0124 - so is what is not a number
    return type(one) is type(other) and (one == other or both_are_none)


def _is_number(value: Any) -> bool:
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:
        return False


def _answers(pages: Iterable[_Page], *, of_copies: bool) -> Iterator[tuple[str, _Answer]]:
    for page in pages:
        for one in page.answers:
            if one["copy"] is of_copies:
                yield one["mark"], _Answer(one["count"], one["answer"], page.at - one["age"])


def _page(base: str, sides: Sides, seconds: float) -> _Page:
    """Return what one Pod shows; nothing of what else may live there is quoted."""
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=sides.timeout
    )
    try:
        with closing(connection):
            connection.request(
                "GET", f"{sides.path}?seconds={seconds:.3f}", None, {sides.header: "read"}
            )
            answer = connection.getresponse()
            text = answer.read(_LARGEST_PAGE)
    except (OSError, http.client.HTTPException) as error:
        return _Page(problem=f"no answer: {error or type(error).__name__}"[:_SHOWN])
    if answer.status == _NOT_FOUND:
        return _Page(problem="its image keeps none (it is another one than Comal's scorer)")
    try:
        found = json.loads(text)["answers"]
        if all(_is_answer(one) for one in found):
            return _Page(tuple(found), at=time.time())
    except (ValueError, KeyError, TypeError):
        pass
    return _Page(problem=f"HTTP {answer.status}, and no answers of Comal's scorer")


def _is_answer(one: Any) -> bool:
    is_named = isinstance(one["mark"], str) and isinstance(one["copy"], bool)
    is_dated = isinstance(one["age"], (int, float)) and isinstance(one["count"], int)
    return is_named and is_dated and "answer" in one
