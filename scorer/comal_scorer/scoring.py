"""From a verified model folder to a proved scorer: load, choose the contract, predict once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Protocol

import msgspec
import numpy as np

from comal_scorer.artifact import check_path
from comal_scorer.codec.base64_image import Base64Image
from comal_scorer.codec.data_matrix import DataMatrix
from comal_scorer.codec.image_url import ImageUrl
from comal_scorer.codec.input_data import InputData
from comal_scorer.codec.ints_list import IntsList
from comal_scorer.codec.vocabulary import Vocabulary, read_vocabulary
from comal_scorer.model_card import ModelCard, model_invalid
from comal_scorer.protocol.exchange import Reply
from comal_scorer.request_error import RequestError
from comal_scorer.runtime.batching import batching_pays
from comal_scorer.runtime.loading import load_model
from comal_scorer.runtime.tensors import Array, Model

# Below this a hop to another thread costs more than it frees the event loop.
_INLINE_SECONDS = 0.002
_BATCHED_BELOW_SECONDS = 0.2
_WARM_UPS = 5

PICTURE_CONTRACTS = (Base64Image, ImageUrl)


class Contract(Protocol):
    """One shape of request and answer."""

    always_pooled: bool

    def decode(self, body: bytes) -> Array:
        """Return the model's input; raises `RequestError`."""
        ...

    def encode(self, result: Array, seconds: float) -> bytes:
        """Return the answer's body; `seconds` went into it so far. Raises `RequestError`."""
        ...


@dataclass(frozen=True, slots=True)
class Scorer:
    """A model that has answered at least once.

    `seconds` is its measured forward pass for one row; `inline` says that the event loop may run
    it without a thread, `batched` that rows which wait are best predicted together.
    """

    card: ModelCard
    model: Model
    contract: Contract
    seconds: float
    inline: bool
    batched: bool

    def score(self, body: bytes) -> Reply:
        """Return the answer to a request's body; raises `RequestError` for a bad one."""
        started = time.perf_counter()
        return self._reply(self.contract.decode(body), started)

    def score_picture(self, content: bytes, field: str) -> Reply:
        """Return the answer to a JPEG or PNG; raises `RequestError` naming the field."""
        started = time.perf_counter()
        if not isinstance(self.contract, PICTURE_CONTRACTS):
            raise TypeError("a contract without pictures was given one")
        return self._reply(self.contract.pictures.tensor(content, field), started)

    def _reply(self, inputs: Array, started: float) -> Reply:
        result = self.model.predict(inputs)
        body = self.contract.encode(result, time.perf_counter() - started)
        seconds = time.perf_counter() - started
        return Reply(body, seconds, len(inputs), collectable=(inputs, result))


def load_scorer(folder: Path, card: ModelCard, max_image_pixels: int, *, may_batch: bool) -> Scorer:
    """Return the scorer of a verified folder; raises `TerminationError` (ModelInvalid)."""
    model = load_model(folder, card)
    contract = _contract(model, card, folder, max_image_pixels)
    row = _first_input(model, contract, card, folder)
    seconds = _warm_up(model, contract, row)
    # Without workers the event loop would be one core for all.
    inline = seconds < _INLINE_SECONDS and model.may_fork
    # Trying it takes forty forward passes, so a model that takes long is not made to wait longer.
    worth_trying = may_batch and not inline and seconds < _BATCHED_BELOW_SECONDS
    batched = worth_trying and batching_pays(model, row, seconds)
    return Scorer(card, model, contract, seconds, inline, batched)


def _contract(model: Model, card: ModelCard, folder: Path, max_image_pixels: int) -> Contract:
    given = model.input
    match card.contract:
        case "base64-image":
            return Base64Image(given, card, max_image_pixels)
        case "image-url":
            return ImageUrl(given, card, max_image_pixels)
        case "ints-list":
            return IntsList(given, card, _vocabulary(card, folder))
        case "input-data":
            return InputData(given, card)
        case _:
            return DataMatrix(given, card)


def _vocabulary(card: ModelCard, folder: Path) -> Vocabulary | None:
    text = card.preprocessing.text
    if text is None or not text.vocabulary:
        return None
    path = folder / check_path(text.vocabulary, "model.yaml preprocessing.text.vocabulary")
    return read_vocabulary(path, text.length)


def _warm_up(model: Model, contract: Contract, rows: Array) -> float:
    """Predict, encode, and return the median seconds; what fails here fails every request.

    The thread's own CPU time: a Pod often starts on a node that is busy starting others, and what
    it waited there says nothing of the model.
    """
    durations = []
    try:
        for _ in range(_WARM_UPS):
            started = time.thread_time()
            result = model.predict(rows)
            durations.append(time.thread_time() - started)
            contract.encode(result, 0.0)
    except (RequestError, Exception) as problem:  # noqa: BLE001 - a model may fail in any way
        raise model_invalid(f"the model cannot answer its first request: {problem}") from None
    # The first call also allocates.
    return median(durations[1:])


def _first_input(model: Model, contract: Contract, card: ModelCard, folder: Path) -> Array:
    """Return one row of the model's own samples, or zeros in its shape."""
    shape = (1, *(size or 1 for size in model.input.shape[1:]))
    if isinstance(contract, PICTURE_CONTRACTS) and card.preprocessing.image:
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
