"""The schema of TrainingRun's spec as its CRD has it, and values that fit it, by chance.

The CRD keeps its patterns as CEL rules, and its texts must mean something to an operator: a
storage class that may vanish, a metric that a step reports. schemathesis, which is here for
the scorers, knows neither and takes 0.8 s a spec; hypothesis-jsonschema is no longer kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import yaml

from walk.values import NoValuesError, is_given, key, text

Schema = Mapping[str, Any]

_CRD = Path(__file__).resolve().parents[2] / "crds" / "trainingruns.comal.dev.yaml"
_MATCHES = re.compile(r"self\.matches\('(.*)'\)")
# A list or a number that is only bounded above stays below this, most times.
_FEW = 3
_RARELY = 0.03


def spec_schema() -> Schema:
    """Return the schema of the spec."""
    crd = yaml.safe_load(_CRD.read_text())
    whole = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    spec: Schema = whole["properties"]["spec"]
    return spec


def pattern_of(schema: Schema) -> str | None:
    """Return the pattern that a text must match, which stands in a CEL rule, or None."""
    for rule in schema.get("x-kubernetes-validations") or ():
        if found := _MATCHES.fullmatch(rule["rule"]):
            return found[1].replace("\\\\", "\\")
    return None


def leaves(schema: Schema, value: Any, path: tuple[Any, ...] = ()) -> Iterator[Leaf]:
    """Yield every value in `value` with its schema, whole objects and lists too."""
    yield Leaf(path, schema, value)
    if isinstance(value, dict):
        for name, one in value.items():
            inner = (schema.get("properties") or {}).get(name) or schema.get("additionalProperties")
            if isinstance(inner, Mapping):
                yield from leaves(inner, one, (*path, name))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from leaves(schema["items"], one, (*path, index))


@dataclass(frozen=True)
class Leaf:
    """One place in a spec."""

    path: tuple[Any, ...]
    schema: Schema
    value: Any


@dataclass
class Maker:
    """Makes values that fit a schema."""

    dice: Random
    skipped: set[str] = field(default_factory=set)
    """Optional fields that are never given, because nothing is known that fits them."""

    def make(self, schema: Schema, path: str = "") -> Any:
        """Return a value; raise NoValuesError if the schema asks for what is not known."""
        if "enum" in schema:
            return self.dice.choice(schema["enum"])
        if schema.get("x-kubernetes-int-or-string"):
            return self.dice.choice((1, 2, self._text(schema, path)))
        match schema.get("type"):
            case "object":
                return self._object(schema, path)
            case "array":
                return self._array(schema, path)
            case "integer":
                return self._integer(schema)
            case "boolean":
                return self.dice.random() < 0.8
            case "string":
                return self._text(schema, path)
        raise NoValuesError(path)

    def _object(self, schema: Schema, path: str) -> dict[str, Any]:
        required = set(schema.get("required") or ())
        made = {}
        for name, one in (schema.get("properties") or {}).items():
            if name not in required and not is_given(self.dice, name):
                continue
            try:
                made[name] = self.make(one, f"{path}.{name}")
            except NoValuesError as error:
                if name in required:
                    raise
                self.skipped.add(str(error))
        more = schema.get("additionalProperties")
        if isinstance(more, Mapping):
            for _ in range(self._count(schema, "minProperties", "maxProperties")):
                made[key(self.dice, path)] = self.make(more, f"{path}{{}}")
        if schema.get("x-kubernetes-preserve-unknown-fields"):
            made["data"] = [[0.5, 1]]
        return made

    def _array(self, schema: Schema, path: str) -> list[Any]:
        count = self._count(schema, "minItems", "maxItems")
        made = [self.make(schema["items"], f"{path}[]") for _ in range(count)]
        keys = schema.get("x-kubernetes-list-map-keys")
        if schema.get("x-kubernetes-list-type") == "set":
            return [one for index, one in enumerate(made) if one not in made[:index]]
        if keys:
            return list({tuple(one[name] for name in keys): one for one in made}.values())
        return made

    def _count(self, schema: Schema, least: str, most: str) -> int:
        low, high = schema.get(least, 0), schema.get(most, _FEW)
        if self.dice.random() < _RARELY:
            return int(min(high, 8))
        return self.dice.randint(low, max(low, min(high, _FEW)))

    def _integer(self, schema: Schema) -> int:
        low, high = schema.get("minimum", 0), schema.get("maximum", 1000)
        if self.dice.random() < 2 * _RARELY:
            return int(self.dice.choice((low, high)))
        return self.dice.randint(low, min(high, low + _FEW))

    def _text(self, schema: Schema, path: str) -> str:
        return text(self.dice, path, pattern_of(schema), schema.get("maxLength", 64))
