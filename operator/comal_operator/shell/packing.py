"""Bodies in few bytes: an object is mostly what the first of its kind was.

As Python's dictionaries a run of five steps takes 200 KiB with its Jobs and Pods; packed, 6 KiB.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from comal_operator.core.plan import Manifest

# As far as zlib looks back.
_WINDOW = 32 * 1024


class Packing:
    """Packs and unpacks; what one packed, another cannot unpack."""

    def __init__(self) -> None:
        self._patterns: dict[str, bytes] = {}

    def pack(self, body: Manifest) -> bytes:
        """Return `body` in as few bytes as a few microseconds can make it."""
        text = msgspec.json.encode(body)
        # Never another one afterwards: what was packed needs it to be unpacked.
        pattern = self._patterns.setdefault(body["kind"], text[-_WINDOW:])
        press = zlib.compressobj(zdict=pattern)
        return press.compress(text) + press.flush()

    def unpack(self, kind: str, packed: bytes) -> dict[str, Any]:
        """Return the body, which nobody else has."""
        body: dict[str, Any] = msgspec.json.decode(
            zlib.decompressobj(zdict=self._patterns[kind]).decompress(packed)
        )
        return body


class Unpacking(Mapping[tuple[str, str], Manifest]):
    """Bodies by kind and name, each unpacked when somebody looks at it, and then kept.

    A decision sees a whole namespace of some kinds, and reads one or two of them.
    """

    def __init__(self, packing: Packing, packed: Mapping[tuple[str, str], bytes]) -> None:
        self._packing = packing
        self._packed = packed
        self._bodies: dict[tuple[str, str], Manifest] = {}

    def __getitem__(self, key: tuple[str, str]) -> Manifest:
        """Return the body of that kind and name."""
        if key not in self._bodies:
            self._bodies[key] = self._packing.unpack(key[0], self._packed[key])
        return self._bodies[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield kinds and names."""
        return iter(self._packed)

    def __len__(self) -> int:
        """Return how many bodies there are."""
        return len(self._packed)
