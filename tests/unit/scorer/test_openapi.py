"""What /swagger.json and /openapi.json say is true: tools read them, requests made of them work."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest

from unit.scorer.scorer_process import ScorerProcess


def test_the_example_is_scored(matrix_scorer: ScorerProcess) -> None:
    schema = matrix_scorer.get("/openapi.json").json["components"]["schemas"]["ServiceInput"]

    jsonschema_rs.validate(schema, schema["example"])
    assert matrix_scorer.score(json.dumps(schema["example"]).encode()).status == 200


def test_answers_are_as_described(matrix_scorer: ScorerProcess) -> None:
    schemas = matrix_scorer.get("/openapi.json").json["components"]["schemas"]
    good = matrix_scorer.score(json.dumps({"data": [[0.1] * 10]}).encode())
    bad = matrix_scorer.score(b"{}")

    jsonschema_rs.validate(schemas["ServiceOutput"], good.json)
    jsonschema_rs.validate(_nullable(schemas["ErrorResponse"]), bad.json)


@pytest.mark.parametrize(
    ("query", "field", "version"),
    [
        ("", "swagger", "2.0"),
        ("?version=2", "swagger", "2.0"),
        ("?version=3", "openapi", "3.0.3"),
        ("?version=3.0", "openapi", "3.0.3"),
    ],
)
def test_versions(matrix_scorer: ScorerProcess, query: str, field: str, version: str) -> None:
    answer = matrix_scorer.get("/swagger.json" + query)

    assert (answer.status, answer.json[field]) == (200, version)
    assert "/score" in answer.json["paths"]
    assert "#/components" not in answer.body.decode() or field == "openapi"


def test_an_unknown_version_is_not_found(matrix_scorer: ScorerProcess) -> None:
    answer = matrix_scorer.get("/swagger.json?version=9")

    assert answer.status == 404
    assert "[2, 3]" in answer.json["message"]


def test_pages_that_are_described_exist(matrix_scorer: ScorerProcess) -> None:
    paths = matrix_scorer.get("/openapi.json").json["paths"]

    for path, operations in paths.items():
        if "get" in operations:
            assert matrix_scorer.get(path).status == 200
    assert "post" in paths["/v2/models/model/infer"]


def test_pictures_are_described(image_scorer: ScorerProcess) -> None:
    post = image_scorer.get("/openapi.json").json["paths"]["/score"]["post"]

    assert set(post["requestBody"]["content"]) == {"application/json", "image/jpeg", "image/png"}


def _nullable(schema: Any) -> Any:
    """Return an OpenAPI 3.0 schema as JSON Schema says it."""
    if isinstance(schema, dict):
        changed = {name: _nullable(value) for name, value in schema.items()}
        if changed.pop("nullable", False) is True:
            changed["type"] = [changed["type"], "null"]
        return changed
    return schema
