"""Stands in for the garbage collector: what lost its owner goes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from crash.cluster import Cluster

# The real one keeps no order. Secrets last is the worst: the operator cannot see whose they are.
_SECRETS_LATER = 1.5


def orphans(bodies: Iterable[Mapping[str, Any]], gone: set[str]) -> list[Mapping[str, Any]]:
    """Return the objects whose controller is one of the uids that are gone."""
    return [
        body
        for body in bodies
        if any(one["uid"] in gone for one in body["metadata"].get("ownerReferences") or ())
    ]


async def collect(cluster: Cluster, orphan: Mapping[str, Any]) -> None:
    """Delete an orphan in its turn."""
    await asyncio.sleep(_SECRETS_LATER if orphan["kind"] == "Secret" else 0)
    await cluster.delete(orphan)
