"""What azure-containerregistry does at a registry that asks for Azure's login."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from azure.containerregistry import ContainerRegistryClient
from azure.core.credentials import TokenCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from fake_azure import container_registry
from fake_azure.bed import Bed

_OCI = "application/vnd.oci.image"


@pytest.fixture
def client(bed: Bed, credential: TokenCredential) -> Iterator[ContainerRegistryClient]:
    """A client that logs in at the bed's registry."""
    del bed
    url = f"https://{container_registry.HOST}"
    with ContainerRegistryClient(url, credential, audience=container_registry.AUDIENCE) as one:
        yield one


def _push(client: ContainerRegistryClient, text: bytes, tag: str) -> str:
    config, config_size = client.upload_blob("team/score", io.BytesIO(b"{}"))
    layer, layer_size = client.upload_blob("team/score", io.BytesIO(text))
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": {
            "mediaType": f"{_OCI}.config.v1+json",
            "digest": config,
            "size": config_size,
        },
        "layers": [{"mediaType": f"{_OCI}.layer.v1.tar", "digest": layer, "size": layer_size}],
    }
    return str(client.set_manifest("team/score", manifest, tag=tag))


def test_a_tag_resolves_to_the_digest_of_its_manifest(client: ContainerRegistryClient) -> None:
    first = _push(client, b"one", "1.0")
    assert client.get_manifest("team/score", "1.0").digest == first
    moved = _push(client, b"two", "1.0")
    assert client.get_manifest("team/score", "1.0").digest == moved != first
    assert client.get_manifest("team/score", first).digest == first


def test_bytes_come_back_by_digest(client: ContainerRegistryClient) -> None:
    digest, _ = client.upload_blob("team/score", io.BytesIO(b"hello" * 1000))
    assert b"".join(client.download_blob("team/score", digest)) == b"hello" * 1000


def test_a_missing_tag_is_not_found(client: ContainerRegistryClient) -> None:
    with pytest.raises(ResourceNotFoundError):
        client.get_manifest("team/score", "absent")


def test_every_call_logs_in_anew(bed: Bed, client: ContainerRegistryClient) -> None:
    """No access token is kept by the SDK (1.2.0): digests are worth keeping, not clients."""
    _push(client, b"one", "1.0")
    bed.journal.clear()
    for _ in range(2):
        client.get_manifest("team/score", "1.0")
    assert len(bed.journal.calls("/oauth2/token")) == 2


def test_a_login_for_another_audience_is_refused(bed: Bed, credential: TokenCredential) -> None:
    url = f"https://{container_registry.HOST}"
    other = "https://management.azure.com"
    with (
        ContainerRegistryClient(url, credential, audience=other) as client,
        pytest.raises(HttpResponseError) as raised,
    ):
        client.get_manifest("team/score", "1.0")
    assert raised.value.status_code == 401
    assert bed.journal.calls("/manifests/1.0")[0].status == 401
