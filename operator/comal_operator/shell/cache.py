"""What the watches told us, slim: good for waking up and for "nothing to do", never for writing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from comal_operator.core.plan import Manifest
from comal_operator.shell import metrics

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


class Cache:
    """Slim bodies by kind, namespace and name; an older version never replaces a newer one."""

    def __init__(self) -> None:
        self._gone: dict[ObjectKey, int] = {}
        self._bodies: dict[tuple[str, str], dict[str, Manifest]] = {}
        self._heard: dict[ObjectKey, int] = {}

    def get(self, key: ObjectKey) -> Manifest | None:
        """Return the object, or None."""
        return self._bodies.get((key.kind, key.namespace), {}).get(key.name)

    def all(self, kind: str, namespace: str) -> list[Manifest]:
        """Return the objects of a kind in a namespace."""
        return list(self._bodies.get((kind, namespace), {}).values())

    def keys(self, kind: str) -> Iterator[ObjectKey]:
        """Yield the keys of all objects of a kind."""
        for (one, namespace), bodies in list(self._bodies.items()):
            if one == kind:
                yield from (ObjectKey(kind, namespace, name) for name in list(bodies))

    def everywhere(self, kind: str) -> Iterator[Manifest]:
        """Yield all objects of a kind."""
        for (one, _), bodies in list(self._bodies.items()):
            if one == kind:
                yield from list(bodies.values())

    def put(self, body: Manifest) -> Manifest | None:
        """Keep `body` unless a newer one is here or it is gone since; return what it replaced.

        For what we read or wrote ourselves; what a watch delivers goes through `hear`.
        """
        key = ObjectKey.of(body)
        before = self.get(key)
        if version_of(body) <= self._gone.get(key, -1):
            # Read before it was deleted, kept after: nobody would ever tell us again.
            return before
        if before is None or version_of(body) >= version_of(before):
            self._bodies.setdefault((key.kind, key.namespace), {})[key.name] = body
            metrics.CACHED.inc(before is None)
        return before

    def hear(self, body: Manifest) -> Manifest | None:
        """Keep what a watch delivered, and that it did; return what it replaced."""
        self._heard[ObjectKey.of(body)] = version_of(body)
        return self.put(body)

    def hear_deleted(self, body: Manifest) -> None:
        """Drop what a watch says is gone, unless a successor by that name is here already."""
        key = ObjectKey.of(body)
        self._heard.pop(key, None)
        self._gone.pop(key, None)
        self._gone[key] = version_of(body)
        if len(self._gone) > _GRAVES:
            del self._gone[next(iter(self._gone))]
        here = self.get(key)
        if here is not None and version_of(here) <= version_of(body):
            self.drop(key)

    def drop(self, key: ObjectKey) -> None:
        """Forget an object."""
        bodies = self._bodies.get((key.kind, key.namespace), {})
        metrics.CACHED.dec(bodies.pop(key.name, None) is not None)

    def heard(self, key: ObjectKey) -> int | None:
        """Return the newest version that a watch delivered; None if none did since its deletion."""
        return self._heard.get(key)
