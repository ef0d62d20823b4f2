"""The contract `base64-image`: `{"data": "<base64 jpeg>"}` in, a JSON string with the label out."""

from __future__ import annotations

import binascii
import io
import json
import warnings

import msgspec
import numpy as np
from PIL import Image

from comal_scorer.model_card import ImagePreprocessing, ModelCard, model_invalid
from comal_scorer.onnx_model import Array, Input
from comal_scorer.request_error import RequestError, bad_request, shown

_REMEDY = 'send {"data": "<base64 of a JPEG file>"}'
_JPEG_START = b"\xff\xd8\xff"
_SCAN_START = b"\xff\xda"
# A progressive JPEG of a few kB may hold thousands of scans, each a pass over every pixel; cameras
# and encoders write about ten.
_MOST_SCANS = 64
# Sigmoid and softmax in float32 overshoot by rounding only.
_ROUNDING = 1e-3


class _Body(msgspec.Struct):
    data: str


class Base64Image:
    """Decodes one picture as the model was trained to see it, encodes the likeliest label."""

    # Decoding a large picture takes longer than any other request may wait on the event loop.
    always_pooled = True

    def __init__(self, model_input: Input, card: ModelCard, max_pixels: int) -> None:
        """Raise `TerminationError` (ModelInvalid) when model and card do not fit together."""
        image = card.preprocessing.image
        if image is None or not card.labels:
            raise model_invalid("model.yaml: base64-image needs labels and preprocessing.image")
        self._image = image
        self._channels_first = _channels_first(model_input, image)
        self._dtype = model_input.dtype
        self._labels = card.labels
        self._max_pixels = max_pixels
        self._decode = msgspec.json.Decoder(_Body).decode

    def decode(self, body: bytes) -> Array:
        """Return a batch of one picture; raises `RequestError` naming `data`."""
        try:
            content = binascii.a2b_base64(self._decode(body).data, strict_mode=True)
        except msgspec.DecodeError as problem:
            raise bad_request("field-invalid", "data", f"{problem}; {_REMEDY}") from None
        except (ValueError, RecursionError) as problem:
            raise bad_request("not-base64", "data", f"data: {problem}; {_REMEDY}") from None
        pixels = self._pixels(content)
        scaled = pixels * np.float32(self._image.scale) + np.float32(self._image.offset)
        if self._channels_first:
            scaled = scaled.transpose(2, 0, 1)
        return np.ascontiguousarray(scaled[np.newaxis], self._dtype)

    def _pixels(self, content: bytes) -> Array:
        """Return height x width x 3 float32, 0 to 255."""
        if not content.startswith(_JPEG_START):
            start = shown(content[:8])
            raise bad_request("not-a-jpeg", "data", f"data starts with {start}, no JPEG; {_REMEDY}")
        if content.count(_SCAN_START) > _MOST_SCANS:
            message = f"data is a JPEG with more than {_MOST_SCANS} scans; save it as baseline JPEG"
            raise bad_request("image-too-complex", "data", message)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(io.BytesIO(content), formats=["JPEG"]) as picture:
                    self._check_pixels(picture.width, picture.height)
                    size = (self._image.width, self._image.height)
                    resized = picture.convert("RGB").resize(size, Image.Resampling.BILINEAR)
        except RequestError:
            raise
        except Exception as problem:  # noqa: BLE001 - decoders raise whatever the bytes provoke
            text = shown(str(problem))
            message = f"data is a JPEG that cannot be decoded ({text}); {_REMEDY}"
            raise bad_request("not-a-jpeg", "data", message) from None
        return np.asarray(resized, np.float32)

    def _check_pixels(self, width: int, height: int) -> None:
        if width * height > self._max_pixels:
            message = (
                f"data is a picture of {width} x {height} pixels, at most {self._max_pixels} are "
                "decoded; send a smaller one"
            )
            raise bad_request("image-too-large", "data", message)

    def encode(self, result: Array) -> bytes:
        """Return a JSON string that itself holds JSON, as Azure ML's clients expect it."""
        outputs = result[0].ravel().tolist()
        # One sigmoid output decides between two labels.
        if max(len(outputs), 2) != len(self._labels):
            raise ValueError(f"{len(outputs)} outputs do not fit {len(self._labels)} labels")
        index, probability = likeliest(outputs)
        answer = json.dumps({"label": self._labels[index], "probability": f"{probability:.6f}"})
        return json.dumps(answer).encode()


def likeliest(outputs: list[float]) -> tuple[int, float]:
    """Return the label's index and its probability; one sigmoid output decides between two."""
    if not all(-_ROUNDING <= value <= 1 + _ROUNDING for value in outputs):
        raise ValueError("the model's outputs are no probabilities; end it in sigmoid or softmax")
    if len(outputs) == 1:
        second = min(max(outputs[0], 0.0), 1.0)
        return (1, second) if second > 0.5 else (0, 1 - second)
    index = max(range(len(outputs)), key=outputs.__getitem__)
    return index, min(max(outputs[index], 0.0), 1.0)


def _channels_first(model_input: Input, image: ImagePreprocessing) -> bool:
    shape = model_input.shape
    sizes = (image.height, image.width)
    if len(shape) == 4 and shape[3] == 3 and _fits(shape[1:3], sizes):
        return False
    if len(shape) == 4 and shape[1] == 3 and _fits(shape[2:4], sizes):
        return True
    raise model_invalid(
        f"contract base64-image: the model's input is {list(shape)}, "
        f"model.yaml says {image.width} x {image.height} pixels"
    )


def _fits(axes: tuple[int | None, ...], sizes: tuple[int, int]) -> bool:
    return all(axis in {None, size} for axis, size in zip(axes, sizes, strict=True))
