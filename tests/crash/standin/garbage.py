"""Stands in for the garbage collector: what lost its owner goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def orphans(bodies: Iterable[Mapping[str, Any]], gone: set[str]) -> list[Mapping[str, Any]]:
    """Return the objects whose controller is one of the uids that are gone."""
    return [
        body
        for body in bodies
        if any(one["uid"] in gone for one in body["metadata"].get("ownerReferences") or ())
    ]
