"""An endpoint behind a line."""

from __future__ import annotations

from comal_scorer.limits.turns import Turns
from comal_scorer.protocol.exchange import Call, Endpoint, Reply


class InTurn:
    """An endpoint whose requests wait for their turn."""

    def __init__(self, endpoint: Endpoint, turns: Turns) -> None:
        """Put `endpoint` behind the line."""
        self._endpoint = endpoint
        self._turns = turns

    @property
    def methods(self) -> tuple[str, ...]:
        """Return the methods that are answered."""
        return self._endpoint.methods

    @property
    def media_types(self) -> frozenset[str]:
        """Return what a body may be."""
        return self._endpoint.media_types

    async def answer(self, call: Call) -> Reply:
        """Return the answer; raises `RequestError`."""
        await self._turns.take()
        try:
            return await self._endpoint.answer(call)
        finally:
            self._turns.give_back()
