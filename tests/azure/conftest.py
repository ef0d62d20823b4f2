"""The bed for a whole run of tests; every test starts with nothing asked and nothing ordered."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from azure.ai.ml import MLClient
from azure.core.credentials import TokenCredential
from azure.identity import ClientSecretCredential

from azure_caller import SUBJECT, Caller, write_secret
from comal_trainer.azure_ml import record as calls
from comal_trainer.contract import TERMINATION_LOG_ENV
from comal_trainer.contract.azure import Workspace
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


@pytest.fixture
def caller(bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """A Job with the service principal's Secret and a fetched model; its pauses take no time."""
    monkeypatch.setattr(calls, "time", SimpleNamespace(sleep=lambda _: None))
    folder = tmp_path / "model"
    (folder / "serving").mkdir(parents=True)
    (folder / "model.yaml").write_text("format: onnx\n")
    (folder / "serving" / "model.onnx").write_bytes(b"\x08\x09" * 4096)
    write_secret(
        tmp_path,
        AZURE_TENANT_ID=entra.TENANT,
        AZURE_CLIENT_ID=CLIENT_ID,
        AZURE_CLIENT_SECRET=f"{CLIENT_SECRET}\n",
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        TERMINATION_LOG_ENV: str(tmp_path / "answer"),
        **bed.environment(),
    }
    workspace = Workspace(
        subscription=SUBSCRIPTION, group="ml-group", name="ml", subject=SUBJECT, secret="principal"
    )
    return Caller(tmp_path, environment, workspace)
