"""Stands in for the garbage collector: what lost its owner goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from crash.cluster import Cluster

# The real one keeps no order. Secrets last is the worst: the operator cannot see whose they are.
# So they go when the operator has gone on as far as it does, between so many seconds.
_SECRETS_LATER = 1.5
_SECRETS_LATEST = 6.0
_QUIET = 0.7


def orphans(bodies: Iterable[Mapping[str, Any]], gone: set[str]) -> list[Mapping[str, Any]]:
    """Return the objects whose controller is one of the uids that are gone."""
    return [
        body
        for body in bodies
        if any(one["uid"] in gone for one in body["metadata"].get("ownerReferences") or ())
    ]


async def collect(
    cluster: Cluster, orphan: Mapping[str, Any], quiet_for: Callable[[], float]
) -> None:
    """Delete an orphan in its turn; `quiet_for` tells for how long nothing has changed."""
    if orphan["kind"] == "Secret":
        latest = time.monotonic() + _SECRETS_LATEST
        await asyncio.sleep(_SECRETS_LATER)
        # That nothing happens is no event.
        while quiet_for() < _QUIET and time.monotonic() < latest:  # noqa: ASYNC110 - as said
            await asyncio.sleep(_QUIET / 4)
    await cluster.delete(orphan)
