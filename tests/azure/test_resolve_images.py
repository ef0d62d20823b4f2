"""`resolve-images` at an Azure Container Registry, with the SDKs as they are."""

from __future__ import annotations

import http.server
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from azure.containerregistry import ContainerRegistryClient
from azure.core.credentials import TokenCredential

from comal_trainer.contract.images import ResolvedImages
from comal_trainer.resolve_images import resolve_images
from fake_azure import container_registry, entra
from fake_azure.bed import CLIENT_ID, Bed

_SUBJECT = "system:serviceaccount:team-a:trainer"
_IMAGE = f"{container_registry.HOST}/team/train"


class _Metadata(http.server.BaseHTTPRequestHandler):
    """What hands out the node's identity: a token for whom it is asked, or an error."""

    status = 200
    audience = container_registry.AUDIENCE

    def do_GET(self) -> None:
        token = entra.access_token(self.audience, "node", 3600)
        said = {"access_token": token, "expires_in": "3600", "resource": "", "token_type": ""}
        body = json.dumps(said if self.status == 200 else {"error": "no identity"}).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its base's name
        pass


@contextmanager
def node_identity(
    monkeypatch: pytest.MonkeyPatch, status: int = 200, audience: str = container_registry.AUDIENCE
) -> Iterator[None]:
    """Stand where a Pod finds its node's identity."""
    handler = type("Handler", (_Metadata,), {"status": status, "audience": audience})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv(
            "AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://127.0.0.1:{server.server_address[1]}"
        )
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def digest(bed: Bed, credential: TokenCredential) -> str:
    """The digest of what was pushed as team/train:1."""
    url = f"https://{container_registry.HOST}"
    with ContainerRegistryClient(url, credential, audience=container_registry.AUDIENCE) as client:
        config, size = client.upload_blob("team/train", io.BytesIO(b"{}"))
        kind = "application/vnd.oci.image"
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{kind}.manifest.v1+json",
            "config": {"mediaType": f"{kind}.config.v1+json", "digest": config, "size": size},
            "layers": [],
        }
        found = str(client.set_manifest("team/train", manifest, tag="1"))
    bed.journal.clear()
    return found


def _account(bed: Bed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *subjects: str) -> None:
    """Give the Pod what AKS gives to those of an account with a workload identity."""
    monkeypatch.setattr(bed.directory, "review", lambda *_: _SUBJECT)
    monkeypatch.setattr(bed.directory.clients[CLIENT_ID], "subjects", set(subjects))
    file = tmp_path / "token"
    file.write_text("projected")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(file))
    monkeypatch.setenv("AZURE_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("AZURE_TENANT_ID", entra.TENANT)


def _asked(folder: Path, *images: str) -> ResolvedImages:
    environment = {"AZURE_FEDERATED_TOKEN_FILE": str(folder / "token")}
    given = environment if (folder / "token").exists() else {}
    return ResolvedImages.decode(resolve_images(images, folder / "secrets", given).encode())


def test_the_accounts_own_identity_is_asked_first(
    bed: Bed, digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _account(bed, monkeypatch, tmp_path, _SUBJECT)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
    answer = _asked(tmp_path, f"{_IMAGE}:1", f"{_IMAGE}:2", "other.azurecr.io/train:1")
    assert answer.digests == {"0": digest}
    assert [one.reason for one in answer.problems] == ["ImageNotFound", "Undecided"]
    assert bed.journal.calls("/manifests/1")[-1].status == 200


def test_without_one_the_nodes_identity_is(
    bed: Bed, digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with node_identity(monkeypatch):
        assert _asked(tmp_path, f"{_IMAGE}:1").digests == {"0": digest}
        # No federated credential: the node may all the same.
        _account(bed, monkeypatch, tmp_path)
        assert _asked(tmp_path, f"{_IMAGE}:1").digests == {"0": digest}


def test_a_node_that_the_registry_refuses_is_a_no(
    bed: Bed, digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del bed, digest
    with node_identity(monkeypatch, audience="https://management.azure.com"):
        [problem] = _asked(tmp_path, f"{_IMAGE}:1").problems
    assert problem.reason == "ImagePullDenied"
    assert "AcrPull" in problem.message


def test_a_node_without_an_identity_decides_nothing(
    bed: Bed, digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del bed, digest
    with node_identity(monkeypatch, status=400):
        [problem] = _asked(tmp_path, f"{_IMAGE}:1").problems
    assert problem.reason == "Undecided"
    assert "no token" in problem.message
