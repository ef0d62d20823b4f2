"""What each contract needs to know of its inputs: the card's `preprocessing` and columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from comal_trainer.card_values import check_fields, check_path, check_whole, invalid
from comal_trainer.contract import MODEL_FILE

_LARGEST: Final = 1e9


def check_preprocessing(content: Mapping[str, Any], contract: str, shape: tuple[int, ...]) -> None:
    """Raise JobFailure (ModelInvalid) when the card lacks what its contract needs.

    `shape` is the input's, as the signature has it.
    """
    found = check_fields("preprocessing", content.get("preprocessing", {}), ("image", "text"))
    _check_image_fields(found.get("image", {}))
    _check_text_fields(found.get("text", {}))
    columns = content["signature"]["inputs"][0].get("columns", [])
    _check_columns(columns)
    if contract in {"base64-image", "image-url"}:
        _check_image(contract, found.get("image", {}), content.get("labels", []), shape)
    elif contract == "ints-list":
        _check_text(found.get("text", {}), shape)
    elif contract == "input-data" and (len(shape) != 2 or len(columns) != shape[1]):
        wanted = "input-data needs the name of every column, in the model's order"
        invalid(f"{MODEL_FILE}: signature: the input's columns: {wanted}")


def _check_image_fields(value: Any) -> None:
    image = check_fields("preprocessing.image", value, ("width", "height", "scale", "offset"))
    for name, number in image.items():
        field = f"{MODEL_FILE}: preprocessing.image.{name}: {number!r:.80}"
        if isinstance(number, bool) or not isinstance(number, int | float):
            invalid(f"{field} is not a number")
        if not math.isfinite(number) or abs(number) > _LARGEST:
            invalid(f"{field} is out of range")
        if name in {"width", "height"}:
            check_whole(f"preprocessing.image.{name}", number, 1, 4096)


def _check_text_fields(value: Any) -> None:
    text = check_fields("preprocessing.text", value, ("vocabulary", "length", "words"))
    if "vocabulary" in text:
        check_path("preprocessing.text.vocabulary", text["vocabulary"])
    for name, most in (("length", 100_000), ("words", 10_000_000)):
        if name in text:
            check_whole(f"preprocessing.text.{name}", text[name], 1, most)


def _check_columns(value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        invalid(f"{MODEL_FILE}: signature: columns: expected a list of names")
    if len(set(value)) != len(value):
        invalid(f"{MODEL_FILE}: signature: columns: a name appears twice")


def _check_image(
    contract: str, image: Mapping[str, Any], labels: list[str], shape: tuple[int, ...]
) -> None:
    if "width" not in image or "height" not in image:
        invalid(f"{MODEL_FILE}: preprocessing.image: {contract} needs width and height")
    if len(labels) < 2:
        invalid(f"{MODEL_FILE}: labels: {contract} needs the names of at least two classes")
    height, width = image["height"], image["width"]
    if shape[1:] not in {(height, width, 3), (3, height, width)}:
        wanted = f"[-1, {height}, {width}, 3]"
        invalid(f"{MODEL_FILE}: signature: the input is {list(shape)}, {contract} needs {wanted}")


def _check_text(text: Mapping[str, Any], shape: tuple[int, ...]) -> None:
    if "length" not in text or "words" not in text:
        invalid(f"{MODEL_FILE}: preprocessing.text: ints-list needs length and words")
    if shape[1:] != (text["length"],):
        wanted = f"[-1, {text['length']}]"
        invalid(f"{MODEL_FILE}: signature: the input is {list(shape)}, ints-list needs {wanted}")
