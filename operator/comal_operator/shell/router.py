"""Asks a router Pod what it runs, on its read-only listener."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from comal_operator.core.plan import RouterVersions

_PORT = 9902
# A router that does not answer is asked again at the next look; waiting longer tells nothing.
_PATIENCE = aiohttp.ClientTimeout(total=2.0)
_PATHS = ("/stats", "/clusters")


async def ask_router(question: RouterVersions) -> Mapping[str, Any] | None:
    """Return the texts of the router's pages by path; None if it is silent."""
    host = f"[{question.ip}]" if ":" in question.ip else question.ip
    pages = {}
    try:
        async with aiohttp.ClientSession(timeout=_PATIENCE) as session:
            for path in _PATHS:
                async with session.get(f"http://{host}:{_PORT}{path}") as answer:
                    answer.raise_for_status()
                    pages[path] = await answer.text()
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
    return pages
