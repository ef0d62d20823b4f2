"""Types to CustomResourceDefinitions: the one place that knows what a structural schema is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from comal_operator.api.meta import GROUP, NAME_LIMIT, VERSION, ApiType, Column, Kind

NAME_RULE = {
    "rule": f"size(self.metadata.name) <= {NAME_LIMIT}"
    " && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    "message": f"metadata.name must be at most {NAME_LIMIT} characters, lower-case letters, digits"
    " and dashes, starting with a letter: shorten or rename it, children's names are made from it",
}


def custom_resource_definition(kind: Kind) -> dict[str, Any]:
    """Return the CRD of `kind`; equal types give equal manifests."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            "labels": {"app.kubernetes.io/part-of": "comal"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short_name],
                "categories": ["comal"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": _subresources(kind),
                    "additionalPrinterColumns": [_column(column) for column in kind.columns],
                    "schema": {"openAPIV3Schema": object_schema(kind.type)},
                }
            ],
        },
    }


def _subresources(kind: Kind) -> dict[str, Any]:
    status: dict[str, Any] = {"status": {}}
    return status if kind.scale is None else {**status, "scale": dict(kind.scale)}


def as_yaml(kind: Kind) -> str:
    """Return the text of the committed file."""
    body = yaml.dump(
        custom_resource_definition(kind), sort_keys=False, width=110, allow_unicode=True
    )
    return f"# Generated from operator/comal_operator/api by `make generate`; do not edit.\n{body}"


def object_schema(root: type[ApiType]) -> dict[str, Any]:
    """Return the structural schema of a whole object of type `root`."""
    schema = structural_schema(root)
    schema["x-kubernetes-validations"] = [NAME_RULE, *schema.get("x-kubernetes-validations", ())]
    # kstatus takes an object without observedGeneration for current; nobody has looked yet.
    schema["properties"]["status"]["default"] = {"observedGeneration": -1}
    head = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    }
    schema["properties"] = head | schema["properties"]
    return schema


def structural_schema(model: type[ApiType]) -> dict[str, Any]:
    """Return the schema of `model` as the API server wants it: inlined, typed, no null."""
    raw = model.model_json_schema(by_alias=True, mode="validation")
    schema = _structural(raw, raw.get("$defs", {}))
    schema.pop("$defs", None)
    return schema


def _column(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.wide:
        found["priority"] = 1
    return found


def _structural(node: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    merged = _without_indirection(node, defs)
    schema: dict[str, Any] = {}
    for key, value in merged.items():
        if key in ("title", "$defs", "const", "x-remedy", "propertyNames"):
            continue
        if key == "properties":
            schema[key] = {name: _structural(part, defs) for name, part in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, Mapping):
            schema[key] = _structural(value, defs)
        elif key == "additionalProperties":
            continue
        else:
            schema[key] = value
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    if "const" in merged:
        schema["enum"] = [merged["const"]]
    if "default" in schema and not isinstance(schema["default"], (str, int)):
        _default_of_container(schema)
    if "x-kubernetes-int-or-string" in schema:
        schema.pop("anyOf", None)
    _rule_instead_of_pattern(schema, merged.get("x-remedy"))
    _immutability_as_rule(schema)
    return schema


def _default_of_container(schema: dict[str, Any]) -> None:
    """Default an object to `{}` where its own fields have defaults, else to nothing."""
    has_defaults = any("default" in part for part in schema.get("properties", {}).values())
    said = schema.pop("default")
    if has_defaults and said is not None:
        schema["default"] = {}


def _without_indirection(node: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    """Return `node` with `$ref` and a union with null replaced by what they mean."""
    merged = dict(node)
    while True:
        if "$ref" in merged:
            target = defs[merged.pop("$ref").removeprefix("#/$defs/")]
            merged = {**target, **merged}
            continue
        options = merged.get("anyOf")
        if options is not None and any(option.get("type") == "null" for option in options):
            real = [option for option in options if option.get("type") != "null"]
            del merged["anyOf"]
            merged = {**real[0], **merged} if len(real) == 1 else {**merged, "anyOf": real}
            continue
        return merged


def _rule_instead_of_pattern(schema: dict[str, Any], remedy: str | None) -> None:
    if remedy is None or "pattern" not in schema:
        return
    pattern = schema.pop("pattern").replace("\\", "\\\\")
    rule = {"rule": f"self.matches('{pattern}')", "message": remedy}
    schema["x-kubernetes-validations"] = [rule, *schema.get("x-kubernetes-validations", ())]


def _immutability_as_rule(schema: dict[str, Any]) -> None:
    mutable = schema.pop("x-immutable-but", None)
    if mutable is None:
        return
    fixed = [name for name in schema["properties"] if name not in mutable]
    rule = {
        "rule": " && ".join(_unchanged(name, name in schema["required"]) for name in fixed),
        "message": schema.pop("x-immutable-message"),
    }
    schema["x-kubernetes-validations"] = [rule, *schema.get("x-kubernetes-validations", ())]


def _unchanged(name: str, required: bool) -> str:
    """Return the CEL that also sees the field added or removed, which a rule on it would not."""
    same = f"self.{name} == oldSelf.{name}"
    if required:
        return same
    return f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || {same})"


def fields(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (path, schema) of every field, so that tests can ask something of all of them."""
    for name, part in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, part
        yield from fields(part, here)
        for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
            if isinstance(part.get(key), Mapping):
                yield from fields(part[key], here + mark)
