"""Asks a router Pod what it runs and what it has counted, on its read-only listener."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from yarl import URL

from comal_operator.core.plan import RouterVersions
from comal_operator.core.serving.acknowledgement import (
    STATS_PORT,
    VERSIONS_PATH,
    parse_router_versions,
)
from comal_operator.core.serving.counters import (
    COUNTERS_PATH,
    HOSTS_PATH,
    ByRevision,
    Reading,
    parse_counters,
)

# A router that does not answer is asked again at the next look; waiting longer tells nothing.
_PATIENCE = aiohttp.ClientTimeout(total=2.0)
_SPACING = 1.0
_KEPT = 12
_FORGOTTEN = 60.0


class Readings:
    """The last few readings of each router, so that a failure shows up undiluted by better days.

    Nothing is built on them that a restart would miss: without them it only takes longer.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, deque[tuple[float, ByRevision]]] = {}

    def add(self, router: str, now: ByRevision) -> Reading:
        """Return `now` with what was read before, and keep it."""
        moment = self._clock()
        kept = self._kept.setdefault(router, deque(maxlen=_KEPT))
        recent = tuple(one for when, one in reversed(kept) if when >= moment - _FORGOTTEN)
        if not kept or kept[-1][0] <= moment - _SPACING:
            kept.append((moment, now))
        self._kept = {
            name: one for name, one in self._kept.items() if one[-1][0] > moment - _FORGOTTEN
        }
        return Reading(now, recent)


class AskRouters:
    """Answers `RouterVersions` questions over HTTP."""

    def __init__(self) -> None:
        self._readings = Readings()

    async def __call__(self, question: RouterVersions) -> Mapping[str, Any] | None:
        """Return the versions that the router runs and its reading if asked; None if silent."""
        host = f"[{question.ip}]" if ":" in question.ip else question.ip
        base = f"http://{host}:{STATS_PORT}"
        try:
            async with aiohttp.ClientSession(timeout=_PATIENCE) as session:
                found: dict[str, Any] = dict(
                    parse_router_versions(await _get(session, base + VERSIONS_PATH))
                )
                if question.counters:
                    stats = await _get(session, base + COUNTERS_PATH)
                    hosts = await _get(session, base + HOSTS_PATH)
                    now = parse_counters(stats, hosts)
                    found["reading"] = self._readings.add(question.pod, now)
                return found
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None


async def _get(session: aiohttp.ClientSession, url: str) -> str:
    # The query is encoded already: a second time would make another filter of it.
    async with session.get(URL(url, encoded=True)) as answer:
        answer.raise_for_status()
        return await answer.text()
