"""The committed CRDs are what the types say, and every field explains itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from comal_operator.api.__main__ import crd_files
from comal_operator.api.crd import fields, object_schema
from comal_operator.api.kinds import KINDS
from comal_operator.api.meta import Kind

CRDS = Path(__file__).resolve().parents[3] / "crds"
ALL = [
    pytest.param(path, schema, id=f"{kind.name}.{path}")
    for kind in KINDS
    for path, schema in fields(object_schema(kind.type))
    if path not in ("apiVersion", "kind", "metadata")
]


def test_generated_is_current() -> None:
    committed = {path.name: path.read_text() for path in CRDS.iterdir()}
    assert committed == crd_files(), "run `python -m comal_operator.api`"


@pytest.mark.parametrize(("path", "schema"), ALL)
def test_a_field_explains_and_bounds_itself(path: str, schema: dict[str, Any]) -> None:
    assert schema.get("description"), f"{path} has no description"
    bounded = schema.get("type") != "array" or "maxItems" in schema
    assert bounded, f"{path} has no maxItems"
    written = schema.get("type") == "string" and "enum" not in schema
    has_length = {"maxLength", "format", "pattern"} & set(schema)
    assert not written or has_length, f"{path} has no maxLength"
    assert "additionalProperties" not in schema or "maxProperties" in schema, path


# What YAML 1.1, which kubectl and Helm read, takes for true, false or nothing without quotes.
_TAKEN = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"}


@pytest.mark.parametrize(("path", "schema"), ALL)
def test_no_word_needs_quotes(path: str, schema: dict[str, Any]) -> None:
    words = {path.rpartition(".")[2], *schema.get("enum", ()), *_items(schema).get("enum", ())}
    assert not {word for word in words if isinstance(word, str) and word.lower() in _TAKEN}


def _items(schema: dict[str, Any]) -> dict[str, Any]:
    found = schema.get("items", {})
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_unseen_object_is_not_mistaken_for_healthy(kind: Kind) -> None:
    status = object_schema(kind.type)["properties"]["status"]
    assert status["default"] == {"observedGeneration": -1}
