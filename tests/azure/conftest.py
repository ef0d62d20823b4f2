"""The bed for a whole run of tests; every test starts with nothing asked and nothing ordered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.core.credentials import TokenCredential
from azure.identity import ClientSecretCredential

from fake_azure import entra
from fake_azure.bed import CLIENT_ID, CLIENT_SECRET, SUBSCRIPTION, Bed, azure_bed

ml_client = Callable[..., MLClient]


@pytest.fixture(scope="session")
def running_bed() -> Iterator[Bed]:
    """All servers, once."""
    with azure_bed() as bed:
        yield bed


@pytest.fixture
def bed(running_bed: Bed, monkeypatch: pytest.MonkeyPatch) -> Bed:
    """The bed as nobody has used it, and an environment that leads there."""
    for name, value in running_bed.environment().items():
        monkeypatch.setenv(name, value)
    running_bed.journal.clear()
    running_bed.workspace.assets.clear()
    return running_bed


@pytest.fixture
def credential() -> TokenCredential:
    """The client's secret, as a login."""
    return ClientSecretCredential(entra.TENANT, CLIENT_ID, CLIENT_SECRET)


@pytest.fixture
def connect(bed: Bed, credential: TokenCredential) -> ml_client:
    """A function that returns a client of the workspace, with any of its options changed."""

    def make(**options: Any) -> MLClient:
        chosen: dict[str, Any] = {
            "workspace_name": bed.workspace.name,
            "credential": credential,
            "retry_total": 1,
            "retry_backoff_factor": 0.01,
            "connection_timeout": 2,
            "read_timeout": 2,
        } | options
        return MLClient(
            chosen.pop("credential"),
            SUBSCRIPTION,
            bed.workspace.group,
            enable_telemetry=False,
            show_progress=False,
            **chosen,
        )

    return make


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A folder such as the register Job finds on the workspace volume."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.yaml").write_text("format: onnx\n")
    (folder / "model.onnx").write_bytes(b"\x08\x09" * 4096)
    return folder
