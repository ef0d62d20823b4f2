"""Building and searching manifests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from cluster.commands import run
from cluster.kubectl import kubectl
from cluster.paths import places

Manifest = dict[str, Any]


def build(folder: Path) -> list[Manifest]:
    """Return what `kubectl kustomize` makes of the folder."""
    return list(yaml.safe_load_all(run([kubectl(places()), "kustomize", folder])))


def of_kind(manifests: Iterable[Manifest], *kinds: str) -> list[Manifest]:
    """Return the manifests of these kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def one(manifests: Iterable[Manifest], kind: str, prefix: str = "") -> Manifest:
    """Return the only manifest of that kind whose name starts so."""
    found = [m for m in of_kind(manifests, kind) if m["metadata"]["name"].startswith(prefix)]
    assert len(found) == 1, (kind, prefix, [m["metadata"]["name"] for m in found])
    return found[0]


def pod_specs(manifests: Iterable[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Yield name and Pod spec of everything that runs a Pod."""
    for manifest in manifests:
        template = (manifest.get("spec") or {}).get("template")
        if isinstance(template, dict) and "spec" in template:
            yield manifest["metadata"]["name"], template["spec"]
