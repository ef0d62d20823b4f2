"""What this revision has answered of late, for the Job that compares it with another one's."""

from __future__ import annotations

import asyncio
import math
from urllib.parse import parse_qs

from comal_scorer import contract
from comal_scorer.comparison.kept_answers import KeptAnswers
from comal_scorer.protocol.exchange import Call, Reply
from comal_scorer.request_error import RequestError


class AnswersRoute:
    """`GET /comal/answers?seconds=60`; routers take its header from whoever calls through them."""

    methods = ("GET",)
    media_types: frozenset[str] = frozenset()

    def __init__(self, kept: KeptAnswers) -> None:
        """Show what was kept."""
        self._kept = kept

    async def answer(self, call: Call) -> Reply:
        """Return the kept answers; raises `RequestError`, to callers as if nothing were here."""
        if call.headers.get(contract.ANSWERS_HEADER) is None:
            raise RequestError(404, "not-found", "nothing is here for callers", field="path")
        # Thousands of answers are not put together while callers wait.
        page = await asyncio.to_thread(self._kept.page, _seconds(call.query))
        return Reply(page, 0.0, 0)


def _seconds(query: str) -> float:
    try:
        found = float(parse_qs(query)["seconds"][0])
    except (KeyError, ValueError):
        found = math.nan
    if not 0 < found < math.inf:
        message = "seconds must say how far back: /comal/answers?seconds=60"
        raise RequestError(400, "bad-query", message, field="seconds")
    return found
