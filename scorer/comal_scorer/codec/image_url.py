"""The contract `image-url`: where a picture lies, or the picture itself; the label comes back."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import msgspec

from comal_scorer.codec.base64_image import from_base64
from comal_scorer.codec.labels import Labels
from comal_scorer.codec.pictures import PictureReader
from comal_scorer.model_card import ModelCard
from comal_scorer.request_error import bad_request, shown
from comal_scorer.runtime.tensors import Array, Input

_REMEDY = 'send {"image": "<URL>"}, {"data": "<base64 of a JPEG or PNG>"}, or GET ?image=<URL>'
_MOST_QUERY_FIELDS = 20


class _Body(msgspec.Struct):
    image: str | None = None
    data: str | None = None


class ImageUrl:
    """Reads where the picture is, and encodes label, score and seconds as the original did."""

    always_pooled = True

    def __init__(self, model_input: Input, card: ModelCard, max_pixels: int) -> None:
        """Raise `TerminationError` (ModelInvalid) when model and card do not fit together."""
        self.pictures = PictureReader(model_input, card, max_pixels)
        self._labels = Labels(card.labels)
        self._decode = msgspec.json.Decoder(_Body).decode

    def url_of_query(self, query: str) -> str:
        """Return the URL of `?image=…`; raises `RequestError`."""
        try:
            values = parse_qs(query, max_num_fields=_MOST_QUERY_FIELDS).get("image", [])
        except ValueError as problem:
            raise bad_request("query-invalid", "image", f"{problem}; {_REMEDY}") from None
        if len(values) != 1:
            message = f"image is given {len(values)} times in the query; {_REMEDY}"
            raise bad_request("field-missing", "image", message)
        return values[0]

    def url_of_body(self, body: bytes) -> str | None:
        """Return the URL that the body names, None where it holds a picture."""
        content = self._body(body)
        if content.image is not None and content.data is not None:
            message = f"the body has both image and data; {_REMEDY}"
            raise bad_request("field-invalid", "image", message)
        if content.image is None and content.data is None:
            raise bad_request("field-missing", "image", f"image is missing; {_REMEDY}")
        return content.image

    def decode(self, body: bytes) -> Array:
        """Return the picture that the body itself holds; raises `RequestError`."""
        data = self._body(body).data
        if data is None:
            raise bad_request("field-missing", "data", f"data is missing; {_REMEDY}")
        return self.pictures.tensor(from_base64(data), "data")

    def encode(self, result: Array, seconds: float = 0.0) -> bytes:
        """Return label, deciding output and seconds; `scores` is text, as it always was."""
        label, _, score = self._labels.likeliest(result)
        answer = {"time": round(seconds, 6), "prediction": label, "scores": f"{score:.6g}"}
        return json.dumps(answer).encode()

    def _body(self, body: bytes) -> _Body:
        try:
            return self._decode(body)
        except (ValueError, RecursionError) as problem:
            message = f"{shown(str(problem))[1:-1]}; {_REMEDY}"
            raise bad_request("field-invalid", "image", message) from None
