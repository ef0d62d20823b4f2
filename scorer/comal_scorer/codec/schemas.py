"""What each contract takes and gives, as JSON Schema: the source of /swagger.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from comal_scorer.codec.pictures import PICTURE_TYPES
from comal_scorer.model_card import ModelCard
from comal_scorer.runtime.tensors import Input

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ContractSchemas:
    """Request and answer of one contract, with an example that is scored.

    `query` is a parameter of GET where the contract answers that; `media_types` may be sent as
    they are, beside JSON.
    """

    request: Schema
    answer: Schema
    example: Any
    query: str = ""
    media_types: frozenset[str] = frozenset()


def contract_schemas(model_input: Input, card: ModelCard) -> ContractSchemas:
    """Return the schemas of the card's contract; any JSON for one that says nothing of itself."""
    if card.contract == "data-matrix":
        return _data_matrix(model_input, card)
    if card.contract == "ints-list":
        return _ints_list(model_input, card)
    if card.contract == "input-data":
        return _input_data(model_input, card)
    if card.contract == "base64-image":
        return _base64_image()
    if card.contract == "image-url":
        return _image_url(card)
    return ContractSchemas({}, {}, None)


def _data_matrix(model_input: Input, card: ModelCard) -> ContractSchemas:
    width = model_input.shape[1]
    row: Schema = {"type": "array", "items": {"type": "number"}, "minItems": width or 1}
    if width:
        row["maxItems"] = width
    columns = card.signature.inputs[0].columns if card.signature.inputs else ()
    if columns:
        row["description"] = ", ".join(columns)
    rows = {"type": "array", "items": row, "minItems": 1}
    request = {"type": "object", "required": ["data"], "properties": {"data": rows}}
    answer = {"type": "object", "required": ["result"], "properties": {"result": {"type": "array"}}}
    return ContractSchemas(request, answer, {"data": [[0.0] * (width or 1)]})


def _ints_list(model_input: Input, card: ModelCard) -> ContractSchemas:
    width = model_input.shape[1] or 1
    text = card.preprocessing.text
    number: Schema = {"type": "integer", "minimum": 0}
    if text is not None:
        number["maximum"] = text.words - 1
    rows: Schema = {"type": "array", "items": number, "minItems": width, "maxItems": width}
    items: Schema = rows
    if text is not None and text.vocabulary:
        items = {"anyOf": [rows, {"type": "string"}]}
    request = {"type": "array", "items": items, "minItems": 1}
    answer = {"type": "string", "description": "JSON text of a list of predictions"}
    return ContractSchemas(request, answer, [[0] * width])


def _input_data(model_input: Input, card: ModelCard) -> ContractSchemas:
    matrix = _data_matrix(model_input, card)
    rows = matrix.request["properties"]["data"]
    loose = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
    table = {
        "type": "object",
        "required": ["columns", "data"],
        "properties": {
            "columns": {"type": "array", "items": {"type": "string"}},
            "index": {"type": "array", "items": {}},
            "data": loose,
        },
    }
    request = {
        "type": "object",
        "required": ["input_data"],
        "properties": {"input_data": {"anyOf": [rows, table]}},
    }
    return ContractSchemas(request, {"type": "array"}, {"input_data": matrix.example["data"]})


_BASE64 = {"type": "string", "format": "byte", "description": "a JPEG or PNG file"}


def _base64_image() -> ContractSchemas:
    request = {"type": "object", "required": ["data"], "properties": {"data": _BASE64}}
    answer = {"type": "string", "description": "JSON text with label and probability"}
    return ContractSchemas(request, answer, None, media_types=PICTURE_TYPES)


def _image_url(card: ModelCard) -> ContractSchemas:
    image = {"type": "string", "format": "uri"}
    request = {"type": "object", "properties": {"image": image, "data": _BASE64}}
    answer = {
        "type": "object",
        "required": ["time", "prediction", "scores"],
        "properties": {
            "time": {"type": "number"},
            "prediction": {"type": "string", "enum": list(card.labels)},
            "scores": {"type": "string"},
        },
    }
    return ContractSchemas(request, answer, None, query="image", media_types=PICTURE_TYPES)
