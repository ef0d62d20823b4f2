"""`POST /score` in one of the contracts that are JSON in, JSON out."""

from __future__ import annotations

from comal_scorer.limits.admission import Admission
from comal_scorer.protocol.exchange import JSON_TYPE, Call, Reply
from comal_scorer.scoring import Scorer

# Decoding more than this as JSON takes longer than the event loop should be held.
_LARGE_BODY = 64 * 1024


class ScoreRoute:
    """Scores a body that is JSON in the model's contract."""

    methods = ("POST",)
    media_types = frozenset({JSON_TYPE})

    def __init__(self, scorer: Scorer, admission: Admission) -> None:
        """Score with the scorer, where the admission lets it run."""
        self._score = scorer.score
        self._largest = 0 if scorer.contract.always_pooled else _LARGE_BODY
        self._admission = admission

    async def answer(self, call: Call) -> Reply:
        """Return the contract's answer; raises `RequestError`."""
        body = call.body
        # Admitted only now: a slow sender must not take a place from one who has sent all.
        return await self._admission.run(self._score, body, light=len(body) <= self._largest)
