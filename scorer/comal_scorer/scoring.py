"""From a verified model folder to a proved scorer: load, choose the contract, predict once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

import msgspec
import numpy as np

from comal_scorer.base64_image import Base64Image
from comal_scorer.data_matrix import DataMatrix
from comal_scorer.model_card import ModelCard, model_invalid, onnx_file, read_card
from comal_scorer.onnx_model import Array, Model, load_model
from comal_scorer.request_error import RequestError

# Below this a hop to another thread costs more than it frees the event loop.
_INLINE_SECONDS = 0.002
_WARM_UPS = 5


class Contract(Protocol):
    """One shape of request and answer."""

    always_pooled: bool

    def decode(self, body: bytes) -> Array:
        """Return the model's input; raises `RequestError`."""
        ...

    def encode(self, result: Array) -> bytes:
        """Return the answer's body; raises `RequestError`."""
        ...


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model that has answered at least once.

    `seconds` is its measured forward pass for one row; `inline` says that the event loop may run
    it without a thread.
    """

    model: Model
    contract: Contract
    seconds: float
    inline: bool

    def score(self, body: bytes) -> bytes:
        """Return the answer to a request's body; raises `RequestError` for a bad one."""
        contract = self.contract
        return contract.encode(self.model.predict(contract.decode(body)))


def load_scorer(folder: Path, max_image_pixels: int) -> Scorer:
    """Return the scorer of a verified folder; raises `TerminationError` (ModelInvalid)."""
    card = read_card(folder)
    model = load_model(onnx_file(folder, card))
    contract = _contract(model, card, max_image_pixels)
    seconds = _warm_up(model, contract, _first_input(model, card, folder))
    inline = seconds < _INLINE_SECONDS and not contract.always_pooled
    return Scorer(model, contract, seconds, inline)


def _contract(model: Model, card: ModelCard, max_image_pixels: int) -> Contract:
    if card.contract == "base64-image":
        return Base64Image(model.input, card, max_image_pixels)
    return DataMatrix(model.input, card)


def _warm_up(model: Model, contract: Contract, rows: Array) -> float:
    """Predict, encode, and return the median seconds; what fails here fails every request."""
    durations = []
    try:
        for _ in range(_WARM_UPS):
            started = time.perf_counter()
            result = model.predict(rows)
            durations.append(time.perf_counter() - started)
            contract.encode(result)
    except (RequestError, Exception) as problem:  # noqa: BLE001 - a model may fail in any way
        raise model_invalid(f"the model cannot answer its first request: {problem}") from None
    # The first call also allocates.
    return median(durations[1:])


def _first_input(model: Model, card: ModelCard, folder: Path) -> Array:
    """Return one row of the model's own samples, or zeros in its shape."""
    shape = (1, *(size or 1 for size in model.input.shape[1:]))
    if card.contract == "base64-image" and card.preprocessing.image:
        # Free axes have the picture's size, not one pixel.
        image = card.preprocessing.image
        first = model.input.shape[1] == 3 and model.input.shape[3] != 3
        shape = (1, 3, image.height, image.width) if first else (1, image.height, image.width, 3)
    if card.samples and (folder / card.samples).is_file():
        try:
            samples = msgspec.json.decode((folder / card.samples).read_bytes())
            inputs = samples["inputs"] if isinstance(samples, dict) else samples
            return np.asarray(inputs[:1], model.input.dtype).reshape(shape)
        except (ValueError, TypeError, KeyError, RecursionError) as problem:
            raise model_invalid(
                f"{card.samples}: {problem}; expected a list of inputs shaped {list(shape[1:])}"
            ) from None
    return np.zeros(shape, model.input.dtype)
