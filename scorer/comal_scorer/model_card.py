"""The model card of an artifact: its config, which is the registered `model.yaml` as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from comal_scorer.artifact import check_path
from comal_scorer.contract import CONFIG_FILE, TerminationReason
from comal_scorer.failure import TerminationError

# What a card may ask for at most: a picture or a row is allocated before anything else is known.
_Pixels = Annotated[int, msgspec.Meta(ge=1, le=4096)]
_Length = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class ImagePreprocessing(msgspec.Struct, frozen=True):
    """How a picture becomes the input: resized to width x height, then v * scale + offset."""

    width: _Pixels
    height: _Pixels
    scale: float = 1 / 255
    offset: float = 0.0


class TextPreprocessing(msgspec.Struct, frozen=True):
    """How a text becomes `length` numbers below `words`; `vocabulary` is a file, a word a line."""

    length: _Length
    words: Annotated[int, msgspec.Meta(ge=1)]
    vocabulary: str = ""


class Preprocessing(msgspec.Struct, frozen=True):
    """What happens to an input before the model sees it."""

    image: ImagePreprocessing | None = None
    text: TextPreprocessing | None = None


class Tensor(msgspec.Struct, frozen=True):
    """One input or output as the card describes it; `columns` name the last axis, if given."""

    name: str = ""
    columns: tuple[str, ...] = ()


class Signature(msgspec.Struct, frozen=True):
    """The inputs and outputs as the card describes them."""

    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()


class ModelCard(msgspec.Struct, frozen=True):
    """What the scorer needs to know beyond the ONNX file itself.

    Shapes and types are taken from the ONNX file, which cannot disagree with itself.
    """

    contract: Literal[
        "data-matrix", "base64-image", "image-url", "ints-list", "input-data", "script"
    ]
    format: str = ""
    file: str = ""
    labels: tuple[str, ...] = ()
    signature: Signature = Signature()
    preprocessing: Preprocessing = Preprocessing()
    samples: str = ""


def read_card(folder: Path) -> ModelCard:
    """Return the card of a verified model folder; raises `TerminationError` (ModelInvalid)."""
    try:
        card = msgspec.json.decode((folder / CONFIG_FILE).read_bytes(), type=ModelCard)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise model_invalid(f"model.yaml: {problem}; register a model the scorer knows") from None
    if card.samples:
        check_path(card.samples, "model.yaml samples")
    return card


def model_invalid(message: str) -> TerminationError:
    """Return the error for a model that is intact and yet cannot be served."""
    return TerminationError(TerminationReason.MODEL_INVALID, message)
