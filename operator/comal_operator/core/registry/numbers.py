"""Version numbers: each is given once, also when what had it is gone."""

from __future__ import annotations

from collections.abc import Iterable

from comal_operator.core.plan import Manifest


def high_water(registry: Manifest, versions: Iterable[Manifest]) -> dict[str, int]:
    """Return the highest number ever given by model: what the registry remembers or shows."""
    marks = dict(registry.get("status", {}).get("lastVersions", {}))
    for version in versions:
        spec = version["spec"]
        if spec["registry"] == registry["metadata"]["name"]:
            marks[spec["model"]] = max(marks.get(spec["model"], 0), int(spec["version"]))
    return marks


def next_number(model: str, registries: Iterable[Manifest], versions: Iterable[Manifest]) -> int:
    """Return the number of `model`'s next version.

    Names are unique in the namespace, so the versions of all its registries count.
    """
    marks = [high_water(registry, ()).get(model, 0) for registry in registries]
    there = [int(v["spec"]["version"]) for v in versions if v["spec"]["model"] == model]
    return max([*marks, *there, 0]) + 1
