"""Everything here runs against one real API server, started once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from apiserver.plugin import Run, plugin
from apiserver.server import ApiServer, Client, api_server
from apiserver.told_status import Cluster


@pytest.fixture(scope="session")
def server() -> Iterator[ApiServer]:
    """A real API server with our CRDs and the operator's rights."""
    with api_server() as running:
        yield running


@pytest.fixture(scope="session")
def admin(server: ApiServer) -> Client:
    return server.client("admin")


@pytest.fixture
def namespace(admin: Client) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"t-{uuid.uuid4().hex[:10]}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    admin.post("/api/v1/namespaces", body)
    yield name
    # No namespace controller runs here: what is left goes with the server.
    admin.call("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def cluster(admin: Client, namespace: str) -> Cluster:
    """Objects in the test's namespace, told by the test."""
    return Cluster(admin, namespace)


@pytest.fixture
def comal(
    server: ApiServer,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run the plugin; return exit status, output and errors."""
    return plugin(server, namespace, monkeypatch, capsys)
