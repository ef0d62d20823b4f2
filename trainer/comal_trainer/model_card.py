"""model.yaml: what a model is, read strictly, so that a mistake is told before anything is done."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Never

import yaml

from comal_trainer.contract import (
    MODEL_FILE,
    ContractError,
    Reason,
    Signature,
    signature_from_json,
)
from comal_trainer.failure import JobFailure
from comal_trainer.files import NotPlainFileError, open_plain

FORMATS: Final = ("sklearn-joblib", "keras", "onnx")
CONTRACTS: Final = ("data-matrix", "base64-image")
MAX_CARD_BYTES: Final = 256 * 1024
MAX_LABELS: Final = 10_000
_REQUIRED: Final = ("format", "file", "contract", "signature")
_OPTIONAL: Final = ("labels", "preprocessing", "samples")
_PATH_PART: Final = re.compile(r"[A-Za-z0-9_+@=,() .-]{1,255}")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A valid model.yaml; `content` is the whole of it, as it goes into the artifact."""

    format: str
    file: str
    contract: str
    signature: Signature
    labels: tuple[str, ...]
    samples: str | None
    content: Mapping[str, Any]


def read_card(folder: Path, *, completed: bool = False) -> ModelCard:
    """Return the card of a model folder; raise JobFailure (ModelInvalid) naming field and remedy.

    A `completed` card is one that `convert` wrote: it has `serving` too.
    """
    try:
        with open_plain(folder / MODEL_FILE) as file:
            text = file.read(MAX_CARD_BYTES + 1)
    except FileNotFoundError:
        invalid(f"{MODEL_FILE} is missing in the model folder; it names the model's format")
    except (NotPlainFileError, NotADirectoryError) as error:
        invalid(str(error))
    if len(text) > MAX_CARD_BYTES:
        invalid(f"{MODEL_FILE} is larger than {MAX_CARD_BYTES} bytes")
    return parse_card(text, completed=completed)


def parse_card(text: bytes, *, completed: bool = False) -> ModelCard:
    """Return the card that these bytes of YAML hold; raise JobFailure (ModelInvalid)."""
    content = _content(text)
    known = (*_REQUIRED, *_OPTIONAL, *(("serving",) if completed else ()))
    for name in content:
        if name not in known:
            invalid(f"{MODEL_FILE}: {name!r:.80} is no field; there are {', '.join(known)}")
    for name in _REQUIRED:
        if name not in content:
            invalid(f"{MODEL_FILE}: {name} is missing")
    labels = _labels(content.get("labels", []))
    contract = _one_of("contract", content["contract"], CONTRACTS)
    samples = content.get("samples")
    card = ModelCard(
        format=_one_of("format", content["format"], FORMATS),
        file=check_path("file", content["file"]),
        contract=contract,
        signature=_signature(content["signature"]),
        labels=labels,
        samples=None if samples is None else check_path("samples", samples),
        content=content,
    )
    _check_preprocessing(content.get("preprocessing", {}))
    if contract == "base64-image":
        _check_image(card)
    return card


def check_path(field: str, path: object) -> str:
    """Return a relative path that stays below the model folder; raise JobFailure otherwise."""
    parts = path.split("/") if isinstance(path, str) else [""]
    if any(part in {"", ".", ".."} or not _PATH_PART.fullmatch(part) for part in parts):
        wanted = "write a plain relative path inside the model folder"
        invalid(f"{MODEL_FILE}: {field}: {path!r:.80} is not allowed; {wanted}")
    return str(path)


def invalid(message: str) -> Never:
    """Raise the failure of a model folder that only its maker can put right."""
    raise JobFailure(Reason.MODEL_INVALID, message)


def _content(text: bytes) -> dict[str, Any]:
    try:
        # An alias repeats a part for free: a few lines could grow to gigabytes when written out.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            invalid(f"{MODEL_FILE}: YAML aliases (*name) are not allowed; write the value out")
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        told = " ".join(str(error).split())
        invalid(f"{MODEL_FILE} is not YAML: {told:.300}")
    if not isinstance(value, dict):
        invalid(f"{MODEL_FILE}: expected fields such as `format: onnx`, found {value!r:.80}")
    return value


def _one_of(field: str, value: object, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        invalid(f"{MODEL_FILE}: {field}: {value!r:.80} is not one of {', '.join(allowed)}")
    return str(value)


def _signature(value: object) -> Signature:
    try:
        signature = signature_from_json(value)
    except ContractError as error:
        wanted = "write {inputs: [{name, dtype, shape}], outputs: [{name, dtype, shape}]}"
        invalid(f"{MODEL_FILE}: {error}; {wanted}")
    if len(signature.inputs) != 1 or not signature.outputs:
        invalid(f"{MODEL_FILE}: signature: one input and at least one output are served")
    if len(signature.inputs[0].shape) < 2:
        invalid(f"{MODEL_FILE}: signature: the input's shape needs a batch axis: [-1, …]")
    return signature


def _labels(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_LABELS:
        invalid(f"{MODEL_FILE}: labels: expected a list of at most {MAX_LABELS} names")
    for index, label in enumerate(value):
        if not isinstance(label, str) or not label:
            invalid(f"{MODEL_FILE}: labels[{index}]: {label!r:.80} is no text; put it in quotes")
    if len(set(value)) != len(value):
        invalid(f"{MODEL_FILE}: labels: a name appears twice")
    return tuple(value)


def _check_preprocessing(value: Any) -> None:
    if not isinstance(value, dict) or set(value) - {"image"}:
        invalid(f"{MODEL_FILE}: preprocessing: expected {{image: …}}, found {value!r:.80}")
    image = value.get("image", {})
    if not isinstance(image, dict) or set(image) - {"width", "height", "scale", "offset"}:
        invalid(f"{MODEL_FILE}: preprocessing.image: expected width, height, scale and offset")
    for name, number in image.items():
        field = f"{MODEL_FILE}: preprocessing.image.{name}: {number!r:.80}"
        if isinstance(number, bool) or not isinstance(number, int | float):
            invalid(f"{field} is not a number")
        if not math.isfinite(number) or abs(number) > 1e9:
            invalid(f"{field} is out of range")
        if name in {"width", "height"} and not (isinstance(number, int) and 1 <= number <= 4096):
            invalid(f"{field} is not a whole number from 1 to 4096")


def _check_image(card: ModelCard) -> None:
    image = card.content.get("preprocessing", {}).get("image", {})
    if "width" not in image or "height" not in image:
        invalid(f"{MODEL_FILE}: preprocessing.image: base64-image needs width and height")
    if len(card.labels) < 2:
        invalid(f"{MODEL_FILE}: labels: base64-image needs the names of at least two classes")
    height, width, shape = image["height"], image["width"], card.signature.inputs[0].shape
    if shape[1:] not in {(height, width, 3), (3, height, width)}:
        wanted = f"[-1, {height}, {width}, 3]"
        invalid(f"{MODEL_FILE}: signature: the input is {list(shape)}, base64-image needs {wanted}")
