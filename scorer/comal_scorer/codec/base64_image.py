"""The contract `base64-image`: `{"data": "<base64 jpeg>"}` in, a JSON string with the label out."""

from __future__ import annotations

import binascii
import json

import msgspec

from comal_scorer.codec.labels import Labels
from comal_scorer.codec.pictures import PictureReader
from comal_scorer.model_card import ModelCard
from comal_scorer.request_error import bad_request
from comal_scorer.runtime.tensors import Array, Input

_REMEDY = 'send {"data": "<base64 of a JPEG file>"}'


class _Body(msgspec.Struct):
    data: str


class Base64Image:
    """Decodes one picture as the model was trained to see it, encodes the likeliest label."""

    # Decoding a large picture takes longer than any other request may wait on the event loop.
    always_pooled = True

    def __init__(self, model_input: Input, card: ModelCard, max_pixels: int) -> None:
        """Raise `TerminationError` (ModelInvalid) when model and card do not fit together."""
        self.pictures = PictureReader(model_input, card, max_pixels)
        self._labels = Labels(card.labels)
        self._decode = msgspec.json.Decoder(_Body).decode

    def decode(self, body: bytes) -> Array:
        """Return a batch of one picture; raises `RequestError` naming `data`."""
        try:
            text = self._decode(body).data
        except (ValueError, RecursionError) as problem:
            raise bad_request("field-invalid", "data", f"{problem}; {_REMEDY}") from None
        return self.pictures.tensor(from_base64(text), "data")

    def encode(self, result: Array, seconds: float = 0.0) -> bytes:
        """Return a JSON string that itself holds JSON, as Azure ML's clients expect it."""
        del seconds
        label, probability, _ = self._labels.likeliest(result)
        answer = json.dumps({"label": label, "probability": f"{probability:.6f}"})
        return json.dumps(answer).encode()


def from_base64(text: str) -> bytes:
    """Return the bytes of the field `data`; raises `RequestError`."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as problem:
        raise bad_request("not-base64", "data", f"data: {problem}; {_REMEDY}") from None
