"""What happens on every watch event: the cache learns, and whoever it concerns is woken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from comal_operator.shell import metrics
from comal_operator.shell.cache import Cache, ObjectKey
from comal_operator.shell.nodes import NODE, tells_the_same
from comal_operator.shell.reports import Reports
from comal_operator.shell.slim import slim
from comal_operator.shell.world import World


class Wake(Protocol):
    """Puts a key into the queue."""

    def __call__(self, key: ObjectKey, *, urgent: bool = False) -> None:
        """Do so; before others when `urgent`."""


Hear = Callable[[Mapping[str, Any]], None]


class Hearing:
    """Takes raw watch events: `type` is None for those of kopf's first list."""

    def __init__(self, cache: Cache, world: World, reports: Reports, wake: Wake) -> None:
        self._cache = cache
        self._reports = reports
        self._world = world
        self._wake = wake

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Learn of one event."""
        body = slim(event["object"])
        metrics.EVENTS.labels(body["kind"]).inc()
        before: Any = None
        if event["type"] == "DELETED":
            self._cache.hear_deleted(body)
            self._reports.drop(body["metadata"]["uid"])
        else:
            before = self._cache.hear(body)
            if body["kind"] == NODE and before is not None and tells_the_same(before, body):
                return
        # Labels may have moved to another owner: both look.
        concerned = {*self._world.woken_by(body), *(self._world.woken_by(before) if before else ())}
        for key in concerned:
            # A list tells of everything at once; what changes now should not queue behind that.
            self._wake(key, urgent=event["type"] is not None)
