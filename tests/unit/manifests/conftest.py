"""Built manifests: what kustomize makes of each folder that a person may apply."""

from __future__ import annotations

import pytest

from cluster.paths import REPOSITORY
from unit.manifests.built import Manifest, build


@pytest.fixture(scope="session", params=["base", "overlays/local", "overlays/aks"])
def cluster_wide(request: pytest.FixtureRequest) -> list[Manifest]:
    """Each installation that serves a whole cluster."""
    return build(REPOSITORY / "manifests" / request.param)


@pytest.fixture(scope="session")
def base() -> list[Manifest]:
    return build(REPOSITORY / "manifests" / "base")


@pytest.fixture(scope="session")
def namespaced() -> list[Manifest]:
    return build(REPOSITORY / "manifests" / "overlays" / "namespaced")
