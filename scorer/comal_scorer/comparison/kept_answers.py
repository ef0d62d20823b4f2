"""The last answers to requests of which a router has sent a copy to another revision.

Such a request and its copy bear the same mark, so whoever reads both revisions' kept answers can
compare them. Nothing is kept of a request without the mark, and no memory is touched.

All workers write into one piece of shared memory, each into rows of its own, so any of them can
show what all have kept. A place is found by the mark's hash, and of several marks in the same ten
seconds the one with the lowest hash stays: two Pods that cannot keep all keep the same ones.
"""

from __future__ import annotations

import json
import mmap
import time
import zlib
from array import array
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any

from comal_scorer.protocol.exchange import JSON_TYPE, Reply

# A Pod shows at most so many answers of each worker, and so many numbers of each answer.
PLACES = 256
MOST_NUMBERS = 128
_WINDOW_SECONDS = 10
_LONGEST_MARK = 128
_PAYLOAD = MOST_NUMBERS * 8
# Window and hash of the mark, then when, whether of a copy, whether numbers, how many numbers the
# answer had, and the lengths of mark and payload.
_RANK = Struct("<II")
_HEAD = Struct("<d??IHH")
_CHECKSUM = Struct("<I")
_BODY = _RANK.size + _CHECKSUM.size
_PLACE = _BODY + _HEAD.size + _LONGEST_MARK + _PAYLOAD
_DEEPEST = 100
_NUMERIC = frozenset("fiub")


class KeptAnswers:
    """A bounded table of answers; made before workers are forked, written into after."""

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Reserve places; the kernel gives memory to those that are used."""
        self._clock = clock
        self._size = workers * PLACES * _PLACE
        self._memory = mmap.mmap(-1, self._size)
        self.become(0)

    def become(self, worker: int) -> None:
        """Write as this worker from now on."""
        self._first = worker * PLACES * _PLACE

    def keep(self, mark: str, reply: Reply, *, of_copy: bool) -> None:
        """Keep the answer, unless it is too large or its place is better used."""
        name = mark.encode(errors="replace")
        if len(name) > _LONGEST_MARK:
            return
        now = self._clock()
        window, ranked = int(now / _WINDOW_SECONDS), zlib.crc32(name)
        start = self._first + ranked % PLACES * _PLACE
        there, lowest = _RANK.unpack_from(self._memory, start)
        if there == window and lowest < ranked:
            return
        is_numbers, count, payload = _payload(reply)
        if payload is None:
            return
        head = _HEAD.pack(now, of_copy, is_numbers, count, len(name), len(payload))
        body = head + name + payload
        # A reader that comes between sees a sum that is not that of what it reads.
        rank = _RANK.pack(window, ranked)
        self._memory[start : start + _BODY + len(body)] = (
            rank + _CHECKSUM.pack(zlib.crc32(body)) + body
        )

    def page(self, seconds: float) -> bytes:
        """Return what was kept in the last `seconds`, as one JSON object."""
        return json.dumps({"answers": list(self._answers(seconds))}).encode()

    def _answers(self, seconds: float) -> Iterator[dict[str, Any]]:
        now = self._clock()
        for start in range(0, self._size, _PLACE):
            if not _RANK.unpack_from(self._memory, start)[0]:
                continue
            place = self._memory[start : start + _PLACE]
            when, of_copy, is_numbers, count, named, length = _HEAD.unpack_from(place, _BODY)
            name_at = _BODY + _HEAD.size
            end = name_at + named + length
            [told] = _CHECKSUM.unpack_from(place, _RANK.size)
            if now - when > seconds or zlib.crc32(place[_BODY:end]) != told:
                continue
            payload = place[name_at + named : end]
            found = _numbers(payload) if is_numbers else json.loads(payload)
            yield {
                "mark": place[name_at : name_at + named].decode(),
                "copy": of_copy,
                "age": round(now - when, 3),
                "count": count,
                "answer": found,
            }


def _payload(reply: Reply) -> tuple[bool, int, bytes | None]:
    """Return whether the answer is kept as numbers, how many it has, and what is kept of it."""
    if reply.collectable is not None:
        result = reply.collectable[1]
        if result.dtype.kind in _NUMERIC:
            first = result.reshape(-1)[:MOST_NUMBERS]
            return True, result.size, first.astype("<f8").tobytes()
    if reply.media_type != JSON_TYPE or len(reply.body) > _PAYLOAD or not _is_json(reply.body):
        return False, 0, None
    return False, 0, reply.body


def _is_json(body: bytes) -> bool:
    if body.count(b"[") + body.count(b"{") > _DEEPEST:
        return False
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _numbers(payload: bytes) -> list[float | None]:
    """Return the numbers; what is none, or infinite, as null."""
    found = array("d", payload)
    return [one if one - one == 0 else None for one in found]
