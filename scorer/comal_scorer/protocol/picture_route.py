"""`/score` in the contracts that take a picture: as JSON, or the bytes as they are."""

from __future__ import annotations

from functools import partial

from comal_scorer.codec.pictures import PICTURE_TYPES
from comal_scorer.limits.admission import Admission
from comal_scorer.protocol.exchange import JSON_TYPE, Call, Reply
from comal_scorer.scoring import Scorer


class PictureRoute:
    """Scores the picture in a body: JSON in the model's contract, or a JPEG or PNG as it is."""

    methods: tuple[str, ...] = ("POST",)
    media_types = PICTURE_TYPES | {JSON_TYPE}

    def __init__(self, scorer: Scorer, admission: Admission) -> None:
        """Score with the scorer, where the admission lets it run."""
        self._scorer = scorer
        self._admission = admission

    async def answer(self, call: Call) -> Reply:
        """Return the contract's answer; raises `RequestError`."""
        if call.media_type in PICTURE_TYPES:
            return await self.picture(call.body, "body")
        return await self._admission.run(self._scorer.score, call.body, light=False)

    async def picture(self, content: bytes, field: str) -> Reply:
        """Return the answer for the bytes of a picture."""
        work = partial(self._scorer.score_picture, field=field)
        return await self._admission.run(work, content, light=False)
