"""A JPEG or PNG becomes the tensor that the model was trained on."""

from __future__ import annotations

import io
import warnings

import numpy as np
from PIL import Image

from comal_scorer.model_card import ImagePreprocessing, ModelCard, model_invalid
from comal_scorer.request_error import RequestError, bad_request, shown
from comal_scorer.runtime.tensors import Array, Input

JPEG_TYPE = "image/jpeg"
PNG_TYPE = "image/png"
PICTURE_TYPES = frozenset({JPEG_TYPE, PNG_TYPE})

_STARTS = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n"}
_SCAN_START = b"\xff\xda"
# A progressive JPEG of a few kB may hold thousands of scans, each a pass over every pixel; cameras
# and encoders write about ten.
_MOST_SCANS = 64


class PictureReader:
    """Decodes a picture within limits, resizes and scales it as the card says."""

    def __init__(self, model_input: Input, card: ModelCard, max_pixels: int) -> None:
        """Raise `TerminationError` (ModelInvalid) when model and card do not fit together."""
        image = card.preprocessing.image
        if image is None or not card.labels:
            raise model_invalid(
                f"model.yaml: contract {card.contract} needs labels and preprocessing.image"
            )
        self._size = (image.width, image.height)
        self._scale, self._offset = np.float32(image.scale), np.float32(image.offset)
        self._channels_first = _channels_first(model_input, card.contract, image)
        self._dtype = model_input.dtype
        self._max_pixels = max_pixels

    def scaled(self, pixels: Array) -> Array:
        """Return pixels of 0 to 255, in the model's own layout, as the model was trained on."""
        scaled = np.multiply(pixels, self._scale, dtype=np.float32)
        scaled += self._offset
        return scaled.astype(self._dtype, copy=False)

    def tensors(self, contents: list[bytes]) -> Array:
        """Return a batch of pictures; raises `RequestError` naming the one that is none."""
        pictures = enumerate(contents)
        return np.concatenate([self.tensor(item, f"inputs[0].data[{at}]") for at, item in pictures])

    def tensor(self, content: bytes, field: str) -> Array:
        """Return a batch of one picture; raises `RequestError` naming the field."""
        scaled = self._pixels(content, field) * self._scale + self._offset
        if self._channels_first:
            scaled = scaled.transpose(2, 0, 1)
        return np.ascontiguousarray(scaled[np.newaxis], self._dtype)

    def _pixels(self, content: bytes, field: str) -> Array:
        """Return height x width x 3 float32, 0 to 255."""
        kind = next((name for name, start in _STARTS.items() if content.startswith(start)), None)
        if kind is None:
            message = f"{field} starts with {shown(content[:8])}, neither JPEG nor PNG"
            raise bad_request("not-a-picture", field, message)
        if kind == "JPEG" and content.count(_SCAN_START) > _MOST_SCANS:
            message = f"{field} is a JPEG with more than {_MOST_SCANS} scans; save it as baseline"
            raise bad_request("image-too-complex", field, message)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(io.BytesIO(content), formats=[kind]) as picture:
                    self._check_pixels(picture.width, picture.height, field)
                    resized = picture.convert("RGB").resize(self._size, Image.Resampling.BILINEAR)
        except RequestError:
            raise
        except Exception as problem:  # noqa: BLE001 - decoders raise whatever the bytes provoke
            message = f"{field} is a {kind} that cannot be decoded ({shown(str(problem))})"
            raise bad_request("not-a-picture", field, message) from None
        return np.asarray(resized, np.float32)

    def _check_pixels(self, width: int, height: int, field: str) -> None:
        if width * height > self._max_pixels:
            message = (
                f"{field} is a picture of {width} x {height} pixels, at most {self._max_pixels} "
                "are decoded; send a smaller one"
            )
            raise bad_request("image-too-large", field, message)


def _channels_first(model_input: Input, contract: str, image: ImagePreprocessing) -> bool:
    shape = model_input.shape
    sizes = (image.height, image.width)
    if len(shape) == 4 and shape[3] == 3 and _fits(shape[1:3], sizes):
        return False
    if len(shape) == 4 and shape[1] == 3 and _fits(shape[2:4], sizes):
        return True
    raise model_invalid(
        f"contract {contract}: the model's input is {list(shape)}, "
        f"model.yaml says {image.width} x {image.height} pixels"
    )


def _fits(axes: tuple[int | None, ...], sizes: tuple[int, int]) -> bool:
    return all(axis in {None, size} for axis, size in zip(axes, sizes, strict=True))
