"""What happened in one play, moment by moment: the evidence when it ends otherwise."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crash.cluster import Mirror

# Lines of the operators that are told around a kill.
_BEFORE, _AFTER = 4, 8


@dataclass(frozen=True)
class Entry:
    """Something that an operator or a person did, or an event with the object as it was then."""

    seconds: float
    text: str
    is_kill: bool = False
    body: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        """Return the line of a story."""
        return f"{self.seconds:7.2f} s  {self.text}"


class Diary:
    """Hears every event of a namespace; operators and people tell it what they do."""

    def __init__(self, mirror: Mirror, namespace: str) -> None:
        self._started = time.monotonic()
        self.entries: list[Entry] = []
        self._unlisten = mirror.listen(namespace, self._hear)

    def close(self) -> None:
        """Stop listening."""
        self._unlisten()

    def note(self, text: str, is_kill: bool = False) -> None:
        """Write down a deed."""
        self.entries.append(Entry(self._passed(), text, is_kill))

    def _hear(self, event: Mapping[str, Any]) -> None:
        body = event["object"]
        meta = body["metadata"]
        what = f"{event['type'].lower()} {body['kind']} {meta['name']}"
        text = f"    {what} (uid {meta['uid'][:8]}, version {meta['resourceVersion']})"
        self.entries.append(Entry(self._passed(), text, body=body))

    def _passed(self) -> float:
        return time.monotonic() - self._started


def around_the_kill(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return what was done just before and after the kill; the last deeds if none was killed."""
    deeds = [one for one in entries if one.body is None]
    kill = next((index for index, one in enumerate(deeds) if one.is_kill), None)
    if kill is None:
        return tuple(str(one) for one in deeds[-_BEFORE - _AFTER :])
    return tuple(str(one) for one in deeds[max(0, kill - _BEFORE) : kill + 1 + _AFTER])
