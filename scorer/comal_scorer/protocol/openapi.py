"""The scorer's own description: OpenAPI 3.0 for tools of today, Swagger 2.0 as Azure ML gave it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from comal_scorer import contract
from comal_scorer.codec.infer_answer import BINARY_TYPE, HEADER_LENGTH
from comal_scorer.codec.schemas import ContractSchemas, Schema
from comal_scorer.codec.tensor_types import BYTES, NUMPY
from comal_scorer.protocol.exchange import JSON_TYPE, Page

Document = dict[str, Any]

_REFUSALS = {
    "400": "The request is wrong; the answer names the field.",
    "408": "The body did not arrive in time.",
    "413": "The body, or the picture behind a URL, is too large.",
    "415": "The content type or encoding is not taken.",
    "422": "The model has no finite result for this input, or a picture cannot be fetched.",
    "503": "Too many requests wait; see Retry-After.",
}
_SCRIPT_REFUSALS = {"500": "run() raised.", "504": "run() took too long."}
_AML_REFUSALS = {"431": "An id is too long.", "500": "The scoring script failed."}
_TEXT_PAGES = {
    contract.HEALTH_PATH: "Healthy, for as long as the process runs.",
    contract.LIVE_PATH: "ok, for as long as the process runs.",
    contract.METRICS_PATH: "Prometheus metrics.",
}


def openapi_pages(
    name: str,
    version: str,
    schemas: ContractSchemas,
    model_paths: tuple[str, ...],
    mode: contract.Mode,
) -> dict[str, Page]:
    """Return the pages with the description; what they say is what the routes do."""
    three = _openapi(name, version, schemas, model_paths, mode)
    by_version = {"2": _swagger(three), "3": three}
    written = {number: json.dumps(content).encode() for number, content in by_version.items()}

    def swagger(query: str) -> tuple[int, str, bytes]:
        asked = parse_qs(query, max_num_fields=20).get("version", ["2"])[0].removesuffix(".0")
        body = written.get(asked)
        if body is None:
            message = f"Swagger version [{asked[:20]}] is not valid. Supported versions: [2, 3]."
            return 404, JSON_TYPE, json.dumps({"message": message}).encode()
        return 200, JSON_TYPE, body

    return {
        contract.SWAGGER_PATH: swagger,
        contract.OPENAPI_PATH: lambda _: (200, JSON_TYPE, written["3"]),
    }


def _openapi(
    name: str,
    version: str,
    schemas: ContractSchemas,
    model_paths: tuple[str, ...],
    mode: contract.Mode,
) -> Document:
    # Without tensors a script answers.
    refusals = _REFUSALS if model_paths else _REFUSALS | _SCRIPT_REFUSALS
    if mode is contract.Mode.AML_V1:
        refusals = refusals | _AML_REFUSALS
    errors = {code: _answer(text, _reference("ErrorResponse")) for code, text in refusals.items()}
    paths: Document = {path: {"get": _text_page(text)} for path, text in _TEXT_PAGES.items()}
    paths[contract.READY_PATH] = {"get": _text_page("ok, or 503 while draining.", "503")}
    paths[contract.SCORE_PATH] = _score(schemas, errors)
    if model_paths:
        paths |= _inference(model_paths)
    return {
        "openapi": "3.0.3",
        "info": {"title": name, "version": version or "0"},
        "paths": paths,
        "components": {
            "schemas": {
                "ServiceInput": _with_example(schemas),
                "ServiceOutput": schemas.answer,
                "ErrorResponse": _error(mode),
                "InferRequest": _INFER_REQUEST,
                "InferError": _object(error={"type": "string"}),
            }
        },
    }


def _score(schemas: ContractSchemas, errors: Document) -> Document:
    responses = {"200": _answer("The prediction.", _reference("ServiceOutput")), **errors}
    content: Document = {JSON_TYPE: {"schema": _reference("ServiceInput")}}
    for kind in sorted(schemas.media_types):
        content[kind] = {"schema": {"type": "string", "format": "binary"}}
    post = {
        "operationId": "RunMLService",
        "requestBody": {"required": True, "content": content},
        "responses": responses,
    }
    if not schemas.query:
        return {"post": post}
    parameter = {
        "name": schemas.query,
        "in": "query",
        "required": True,
        "schema": {"type": "string", "format": "uri"},
    }
    get = {"operationId": "RunMLServiceByQuery", "parameters": [parameter], "responses": responses}
    return {"get": get, "post": post}


def _inference(model_paths: tuple[str, ...]) -> Document:
    paths: Document = {
        "/v2": {"get": _json_page("Server metadata.")},
        "/v2/health/live": {"get": _json_page("Whether the process runs.")},
        "/v2/health/ready": {"get": _json_page("Whether requests should come here.", "503")},
    }
    errors = {code: _answer(text, _reference("InferError")) for code, text in _REFUSALS.items()}
    answer = _answer("The model's tensors.", {"type": "object"})
    answer["content"][BINARY_TYPE] = {"schema": {"type": "string", "format": "binary"}}
    length = {
        "name": HEADER_LENGTH,
        "in": "header",
        "required": False,
        "description": "bytes of JSON before binary tensors",
        "schema": {"type": "integer", "minimum": 1},
    }
    body = {"schema": _reference("InferRequest")}
    for path in model_paths:
        paths[path] = {"get": _json_page("Model metadata.")}
        paths[f"{path}/ready"] = {"get": _json_page("Whether the model answers.", "503")}
        paths[f"{path}/infer"] = {
            "post": {
                "parameters": [length],
                "requestBody": {"required": True, "content": {JSON_TYPE: body}},
                "responses": {"200": answer, **errors},
            }
        }
    return paths


def _swagger(three: Document) -> Document:
    """Return the part that Swagger 2.0 can say and Azure ML's server said: health and scoring."""
    definitions = three["components"]["schemas"]
    names = ("ServiceInput", "ServiceOutput", "ErrorResponse")
    reference = {name: {"$ref": f"#/definitions/{name}"} for name in names}
    default = {"description": "The service failed.", "schema": reference["ErrorResponse"]}
    good = {"description": "The prediction.", "schema": reference["ServiceOutput"]}
    body = {"name": "serviceInputPayload", "in": "body", "schema": reference["ServiceInput"]}
    healthy = {"200": {"description": "Healthy", "schema": {"type": "string"}}}
    return {
        "swagger": "2.0",
        "info": three["info"],
        "schemes": ["https", "http"],
        "consumes": [JSON_TYPE],
        "produces": [JSON_TYPE],
        "paths": {
            contract.HEALTH_PATH: {
                "get": {"operationId": "ServiceHealthCheck", "responses": healthy}
            },
            contract.SCORE_PATH: {
                "post": {
                    "operationId": "RunMLService",
                    "parameters": [body],
                    "responses": {"200": good, "default": default},
                }
            },
        },
        "definitions": {name: definitions[name] for name in names},
    }


def _with_example(schemas: ContractSchemas) -> Schema:
    if schemas.example is None:
        return schemas.request
    return {**schemas.request, "example": schemas.example}


def _error(mode: contract.Mode) -> Schema:
    text = {"type": "string"}
    if mode is contract.Mode.AML_V1:
        return _object(message=text)
    field = {"type": "string", "nullable": True}
    return _object(error=_object(code=text, field=field, message=text))


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(text: str, schema: Schema, kind: str = JSON_TYPE) -> Document:
    return {"description": text, "content": {kind: {"schema": schema}}}


def _text_page(text: str, *further: str) -> Document:
    return {"responses": {code: {"description": text} for code in ("200", *further)}}


def _json_page(text: str, *further: str) -> Document:
    answers = {code: _answer(text, {"type": "object"}) for code in ("200", *further)}
    return {"responses": answers}


_TENSOR: Schema = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        "datatype": {"type": "string", "enum": [*NUMPY, BYTES]},
        "data": {"type": "array", "items": {}},
    },
}
_INFER_REQUEST: Schema = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string", "maxLength": 256},
        "inputs": {"type": "array", "items": _TENSOR, "minItems": 1, "maxItems": 1},
        "outputs": {"type": "array", "items": _object(name={"type": "string"})},
    },
}
