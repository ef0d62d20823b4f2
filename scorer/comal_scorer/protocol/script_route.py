"""`/score` answered by a user's script."""

from __future__ import annotations

import json

from comal_scorer import contract
from comal_scorer.protocol.exchange import ANY_TYPE, Call, Reply
from comal_scorer.protocol.request_log import request_id
from comal_scorer.request_error import RequestError
from comal_scorer.script.frames import Ask, Failed, Refused
from comal_scorer.script.pool import ScriptPool

_FAILED = RequestError(
    500, "script-failed", "run() raised for this request; the scorer's log says what"
)


class ScriptRoute:
    """Passes requests on to the script's processes."""

    methods = ("GET", "POST", "OPTIONS")
    media_types = frozenset({ANY_TYPE})

    def __init__(self, pool: ScriptPool) -> None:
        """Ask the pool."""
        self._pool = pool

    async def answer(self, call: Call) -> Reply:
        """Return what `run()` gave; raises `RequestError`."""
        if call.method == "OPTIONS":
            return Reply(b"", 0.0, 0, media_type="text/html")
        headers = {name: call.headers.get(name) or "" for name in call.headers.keys()}  # noqa: SIM118
        ask = Ask(
            method=call.method,
            path=contract.SCORE_PATH,
            query=call.query,
            headers=headers,
            media_type=call.media_type,
            body=call.body,
            request_id=request_id(call.headers.get(contract.REQUEST_ID_HEADER)),
        )
        told = await self._pool.ask(ask)
        if isinstance(told, Failed):
            raise _FAILED
        if isinstance(told, Refused):
            raise RequestError(told.status, "input-refused", told.message, field="body")
        more = tuple(told.headers)
        return Reply(
            told.body, told.seconds, _rows(told.body), more, told.media_type, status=told.status
        )


def _rows(body: bytes) -> int:
    """Return how many predictions a small answer holds; one where that cannot be told."""
    if not body.startswith(b"[") or len(body) > 65536:
        return 1
    content = json.loads(body)
    return len(content) if isinstance(content, list) else 1
