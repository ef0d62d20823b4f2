"""Specs that are wrong in one place: the API server must refuse them, and name the place."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from walk.schema import Leaf, Schema, leaves, pattern_of
from walk.specs import Spec

_REMOVED = object()


@dataclass(frozen=True)
class Wrong:
    """A spec, what is wrong with it, and the word that a refusal must contain."""

    spec: Spec
    what: str
    word: str


@dataclass(frozen=True)
class _Way:
    path: tuple[Any, ...]
    what: str
    value: Any


def break_one(schema: Schema, spec: Spec, dice: Random) -> Wrong:
    """Return `spec` with one of its values made wrong, in one way that the schema forbids."""
    way = dice.choice([way for leaf in leaves(schema, spec) for way in _ways(leaf)])
    broken = copy.deepcopy(spec)
    where: Any = broken
    *above, last = way.path
    for name in above:
        where = where[name]
    if way.value is _REMOVED:
        del where[last]
    else:
        where[last] = way.value
    word = next(one for one in reversed(way.path) if isinstance(one, str))
    path = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in way.path)
    return Wrong(broken, f"spec{path}: {way.what}", word)


def _ways(leaf: Leaf) -> Iterator[_Way]:
    schema, value, path = leaf.schema, leaf.value, leaf.path
    for name in schema.get("required") or ():
        yield _Way((*path, name), "missing", _REMOVED)
    if not path:
        return
    if schema.get("x-kubernetes-int-or-string"):
        yield _Way(path, "no quantity", "lots")
        return
    kind = schema.get("type")
    yield _Way(path, f"not of type {kind}", "a text" if kind == "object" else {"an": "object"})
    if "enum" in schema:
        yield _Way(path, "none of its values", "Sometimes")
    if "maximum" in schema:
        yield _Way(path, "above its maximum", schema["maximum"] + 1)
    if "minimum" in schema:
        yield _Way(path, "below its minimum", schema["minimum"] - 1)
    if kind == "string":
        yield from _wrong_texts(leaf)
    if kind == "array" and value:
        yield from _wrong_lists(leaf)


def _wrong_texts(leaf: Leaf) -> Iterator[_Way]:
    if "maxLength" in leaf.schema:
        yield _Way(leaf.path, "too long", "a" * (leaf.schema["maxLength"] + 1))
    if pattern_of(leaf.schema) is not None:
        yield _Way(leaf.path, "against its pattern", "no fit!")


def _wrong_lists(leaf: Leaf) -> Iterator[_Way]:
    first = leaf.value[0]
    if "maxItems" in leaf.schema:
        yield _Way(leaf.path, "too many", [first] * (leaf.schema["maxItems"] + 1))
    if leaf.schema.get("x-kubernetes-list-type") in ("map", "set"):
        yield _Way(leaf.path, "twice the same", [first, first])
