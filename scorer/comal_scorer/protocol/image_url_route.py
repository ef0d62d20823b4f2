"""`/score` in the contract `image-url`: what a URL leads to, beside what a body holds."""

from __future__ import annotations

from comal_scorer.codec.image_url import ImageUrl
from comal_scorer.limits.admission import Admission
from comal_scorer.protocol.exchange import JSON_TYPE, Call, Reply
from comal_scorer.protocol.image_fetcher import ImageFetcher
from comal_scorer.protocol.picture_route import PictureRoute
from comal_scorer.scoring import Scorer

# A body that names a URL is never longer; one that holds a picture is not parsed on the loop.
_LONGEST_REFERENCE = 8192


class ImageUrlRoute(PictureRoute):
    """Scores also what a URL in the query or in the body leads to."""

    methods = ("GET", "POST")

    def __init__(
        self, scorer: Scorer, contract: ImageUrl, admission: Admission, fetcher: ImageFetcher
    ) -> None:
        """Fetch with the fetcher, which knows what is allowed."""
        super().__init__(scorer, admission)
        self._contract = contract
        self._fetcher = fetcher

    async def answer(self, call: Call) -> Reply:
        """Return the contract's answer; raises `RequestError`."""
        url = None
        if call.method == "GET":
            url = self._contract.url_of_query(call.query)
        elif call.media_type == JSON_TYPE and len(call.body) <= _LONGEST_REFERENCE:
            url = self._contract.url_of_body(call.body)
        if url is None:
            return await super().answer(call)
        return await self.picture(await self._fetcher.fetch(url), "image")
