"""What the watches told us, slim: good for waking up and for "nothing to do", never for writing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from comal_operator.core.plan import Manifest
from comal_operator.shell import metrics
from comal_operator.shell.facts import Fact, facts_of
from comal_operator.shell.packing import Packing, Unpacking
from comal_operator.shell.troubles import Troubles

# Far more than can be gone while one look is under way.
_GRAVES = 10_000


class ObjectKey(NamedTuple):
    """Names one object of the cluster; no namespace is ""."""

    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, body: Manifest) -> ObjectKey:
        """Return the key of `body`."""
        meta = body["metadata"]
        return cls(body["kind"], meta.get("namespace", ""), meta["name"])


def version_of(body: Manifest) -> int:
    """Return the resourceVersion as the number that Kubernetes lets clients compare (KEP-5504)."""
    return int(body["metadata"].get("resourceVersion") or 0)


class _Kept(NamedTuple):
    version: int
    packed: bytes


_Place = tuple[str, str]
"""A kind and a namespace: names are kept once, in the order in which they came."""


class Cache:
    """Slim bodies by kind, namespace and name; an older version never replaces a newer one.

    They are kept packed: what is returned is a copy of the caller's own.
    """

    def __init__(self) -> None:
        self._gone: dict[ObjectKey, int] = {}
        self._packing = Packing()
        self._kept: dict[_Place, dict[str, _Kept]] = {}
        self._heard: dict[_Place, dict[str, int]] = {}
        self._found: dict[Fact, set[ObjectKey]] = {}
        self._troubles = Troubles()

    def get(self, key: ObjectKey) -> Manifest | None:
        """Return the object, or None."""
        kept = self._kept.get((key.kind, key.namespace), {}).get(key.name)
        return None if kept is None else self._packing.unpack(key.kind, kept.packed)

    def version(self, key: ObjectKey) -> int | None:
        """Return the version of the object, or None."""
        kept = self._kept.get((key.kind, key.namespace), {}).get(key.name)
        return None if kept is None else kept.version

    def all(self, kind: str, namespace: str) -> list[ObjectKey]:
        """Return the keys of the objects of a kind in a namespace."""
        return [ObjectKey(kind, namespace, name) for name in self._kept.get((kind, namespace), ())]

    def several(self, keys: Iterable[ObjectKey]) -> Mapping[tuple[str, str], Manifest]:
        """Return those of the objects of one namespace that are here, as they are now."""
        packed = {
            (key.kind, key.name): kept.packed
            for key in keys
            if (kept := self._kept.get((key.kind, key.namespace), {}).get(key.name))
        }
        return Unpacking(self._packing, packed)

    def found_by(self, fact: Fact) -> frozenset[ObjectKey]:
        """Return the keys of the objects, of whatever kind, for which `fact` holds."""
        return frozenset(self._found.get(fact, ()))

    def keys(self, kind: str) -> Iterator[ObjectKey]:
        """Yield the keys of all objects of a kind."""
        for (one, namespace), bodies in list(self._kept.items()):
            if one == kind:
                yield from (ObjectKey(kind, namespace, name) for name in list(bodies))

    def put(self, body: Manifest) -> Manifest | None:
        """Keep `body` unless a newer one is here or it is gone since; return what it replaced.

        For what we read or wrote ourselves; what a watch delivers goes through `hear`.
        """
        key, version = ObjectKey.of(body), version_of(body)
        before = self.get(key)
        if version <= self._gone.get(key, -1):
            # Read before it was deleted, kept after: nobody would ever tell us again.
            return before
        if before is None or version >= version_of(before):
            place = self._kept.setdefault((sys.intern(key.kind), sys.intern(key.namespace)), {})
            place[key.name] = _Kept(version, self._packing.pack(body))
            self._file(key, frozenset() if before is None else facts_of(before), facts_of(body))
            self._troubles.show(key, body)
            metrics.CACHED.inc(before is None)
        return before

    def hear(self, body: Manifest) -> Manifest | None:
        """Keep what a watch delivered, and that it did; return what it replaced."""
        kind, namespace, name = ObjectKey.of(body)
        place = self._heard.setdefault((sys.intern(kind), sys.intern(namespace)), {})
        place[name] = version_of(body)
        return self.put(body)

    def hear_deleted(self, body: Manifest) -> None:
        """Drop what a watch says is gone, unless a successor by that name is here already."""
        key = ObjectKey.of(body)
        self._heard.get((key.kind, key.namespace), {}).pop(key.name, None)
        self._gone.pop(key, None)
        self._gone[key] = version_of(body)
        if len(self._gone) > _GRAVES:
            del self._gone[next(iter(self._gone))]
        here = self.version(key)
        if here is not None and here <= version_of(body):
            self.drop(key)

    def drop(self, key: ObjectKey) -> None:
        """Forget an object."""
        body = self.get(key)
        if body is not None:
            del self._kept[key.kind, key.namespace][key.name]
            self._file(key, facts_of(body), frozenset())
            self._troubles.show(key, None)
            metrics.CACHED.dec()

    def heard(self, key: ObjectKey) -> int | None:
        """Return the newest version that a watch delivered; None if none did since its deletion."""
        return self._heard.get((key.kind, key.namespace), {}).get(key.name)

    def _file(self, key: ObjectKey, before: frozenset[Fact], now: frozenset[Fact]) -> None:
        for fact in before - now:
            there = self._found[fact]
            there.discard(key)
            if not there:
                del self._found[fact]
        kept = ObjectKey(sys.intern(key.kind), sys.intern(key.namespace), key.name)
        for fact in now - before:
            self._found.setdefault(fact, set()).add(kept)
