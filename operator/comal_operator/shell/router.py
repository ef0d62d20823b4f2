"""Asks a router Pod what it runs, on its read-only listener."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from comal_operator.core.plan import RouterVersions
from comal_operator.core.serving.acknowledgement import (
    STATS_PORT,
    VERSIONS_PATH,
    parse_router_versions,
)

# A router that does not answer is asked again at the next look; waiting longer tells nothing.
_PATIENCE = aiohttp.ClientTimeout(total=2.0)


async def ask_router(question: RouterVersions) -> Mapping[str, str] | None:
    """Return the versions that the router runs; None if it is silent."""
    host = f"[{question.ip}]" if ":" in question.ip else question.ip
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE) as session,
            session.get(f"http://{host}:{STATS_PORT}{VERSIONS_PATH}") as answer,
        ):
            answer.raise_for_status()
            return parse_router_versions(await answer.text())
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
