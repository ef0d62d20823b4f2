"""Lists everything now and then: a watch that went blind looks healthy from the inside.

The first audit also fills the cache, so that no look is made on half a world.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from comal_operator.core.plan import Manifest
from comal_operator.shell import metrics
from comal_operator.shell.cache import Cache, ObjectKey, version_of
from comal_operator.shell.faults import ApiFaultError
from comal_operator.shell.gateway import Gateway
from comal_operator.shell.kinds import Kinds, child_kinds
from comal_operator.shell.nodes import NODE
from comal_operator.shell.world import OUR_CHILDREN, World

log = logging.getLogger(__name__)


class BlindWatchError(Exception):
    """The watches did not deliver what a list shows; only a restart is sure to help."""


@dataclass(frozen=True, kw_only=True)
class AuditTimes:
    """Seconds: an audit `every`, and how long a watch may be behind it."""

    every: float = 300.0
    patience: float = 30.0


@dataclass(frozen=True)
class _Snapshot:
    """What the lists showed, and how new each was: one for all namespaces, or one for each.

    Versions alone, since all bodies at once are what the cache exists to avoid.
    """

    objects: Mapping[ObjectKey, int]
    versions: Mapping[tuple[str, str | None], int]

    def is_younger(self, key: ObjectKey, version: int) -> bool:
        """Return whether this was written after the list that lacks it."""
        listed = self.versions.get((key.kind, None))
        if listed is None:
            listed = self.versions[key.kind, key.namespace]
        return version > listed


class Audit:
    """Compares what lists show with what the watches delivered."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        cache: Cache,
        world: World,
        kinds: Kinds,
        namespaces: Iterable[str],
        wake: Callable[[ObjectKey], None],
        watch_nodes: bool = False,
        times: AuditTimes | None = None,
    ) -> None:
        self._gateway = gateway
        self._cache = cache
        self._world = world
        self._kinds = kinds
        self._namespaces = tuple(namespaces) or (None,)
        self._wake = wake
        self._nodes = (NODE,) if watch_nodes else ()
        self._times = times or AuditTimes()

    async def fill(self) -> None:
        """Fill the cache and wake everything; raise ApiFaultError if that cannot be."""
        self._take_over(await self._list(self._cache.put))

    async def run(self) -> None:
        """Audit until a watch is found blind, then raise BlindWatchError."""
        while True:
            await asyncio.sleep(self._times.every * random.uniform(0.8, 1.2))  # noqa: S311 - no key
            news: list[Manifest] = []
            try:
                listed = await self._list(news.append)
            except ApiFaultError as fault:
                log.warning("audit: %s; the next one will tell", fault)
                continue
            # Judged first: what we take over ourselves the watch still has to tell.
            await self._judge(listed)
            for body in news:
                self._cache.put(body)
            self._take_over(listed)

    async def _list(self, tell: Callable[[Manifest], object]) -> _Snapshot:
        """List everything, and `tell` of each body that is newer than what is here."""
        objects: dict[ObjectKey, int] = {}
        versions: dict[tuple[str, str | None], int] = {}
        lists = [
            (kind, namespace, "" if kind in self._kinds else OUR_CHILDREN)
            for namespace in self._namespaces
            for kind in (*self._kinds, *child_kinds(self._kinds))
        ]
        for kind, namespace, labels in (*lists, *((kind, None, "") for kind in self._nodes)):
            async for page in self._gateway.pages(kind, namespace, labels=labels):
                versions[kind, namespace] = page.version
                for body in page.items:
                    key = ObjectKey.of(body)
                    objects[key] = version_of(body)
                    here = self._cache.version(key)
                    if here is None or here < objects[key]:
                        tell(body)
        return _Snapshot(objects, versions)

    async def _judge(self, snapshot: _Snapshot) -> None:
        started = progressed = time.monotonic()
        listed = snapshot.objects
        heard = {
            key: self._cache.heard(key)
            for key in self._known()
            # What was made since is in no list, and no watch will tell of its end.
            if key in listed or not self._is_younger(key, snapshot)
        }
        fewest = len(listed) + len(heard) + 1
        while late := [key for key in {*listed, *heard} if self._is_late(key, listed, heard)]:
            now = time.monotonic()
            if len(late) < fewest:
                # Behind, but not blind: a restart would only put more work before what is late.
                fewest, progressed = len(late), now
            lag = now - progressed
            metrics.WATCH_LAG.set(now - started)
            if lag >= self._times.patience:
                one = late[0]
                raise BlindWatchError(
                    f"{len(late)} objects, such as {one.kind} {one.namespace}/{one.name},"
                    f" were not delivered by the watch within {lag:.0f} s"
                )
            await asyncio.sleep(min(1.0, self._times.patience / 10))
        metrics.WATCH_LAG.set(time.monotonic() - started)

    def _is_late(
        self,
        key: ObjectKey,
        listed: Mapping[ObjectKey, int],
        heard: Mapping[ObjectKey, int | None],
    ) -> bool:
        if key in listed:
            told = self._cache.heard(key)
            # Gone since the list: the watch told us of its end, or never of its life.
            is_here = self._cache.version(key) is not None
            gone = told is None and not is_here and heard.get(key) is not None
            return not gone and (told or 0) < listed[key]
        # In the list no more: the watch should tell of the end, or of a successor.
        before = heard.get(key)
        return before is not None and self._cache.heard(key) == before

    def _is_younger(self, key: ObjectKey, snapshot: _Snapshot) -> bool:
        here = self._cache.version(key)
        return here is not None and snapshot.is_younger(key, here)

    def _known(self) -> list[ObjectKey]:
        kinds = (*self._kinds, *child_kinds(self._kinds), *self._nodes)
        return [key for kind in kinds for key in self._cache.keys(kind)]

    def _take_over(self, listed: _Snapshot) -> None:
        for key in self._known():
            # What was made since is not for us to drop.
            if key not in listed.objects and not self._is_younger(key, listed):
                self._cache.drop(key)
        self._world.forget_named()
        for kind in self._kinds:
            for key in self._cache.keys(kind):
                self._wake(key)
