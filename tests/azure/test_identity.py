"""Logins: a client's secret, and a projected token in exchange, as AKS' workload identity does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from azure.ai.ml import MLClient
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.identity import ClientSecretCredential, WorkloadIdentityCredential

from fake_azure import entra
from fake_azure.bed import CLIENT_ID, Bed

Connect = Callable[..., MLClient]
_SUBJECT = "system:serviceaccount:team-a:comal-registrar"


@pytest.fixture
def token_file(bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A projected token that the cluster says is the registrar's of team-a."""

    def review(token: str, audience: str) -> str | None:
        return _SUBJECT if (token, audience) == ("projected", entra.AUDIENCE) else None

    monkeypatch.setattr(bed.directory, "review", review)
    file = tmp_path / "azure-identity-token"
    file.write_text("projected")
    return file


def _workload(file: Path) -> WorkloadIdentityCredential:
    return WorkloadIdentityCredential(
        tenant_id=entra.TENANT, client_id=CLIENT_ID, token_file_path=str(file)
    )


def test_a_wrong_secret_is_told_without_it(connect: Connect) -> None:
    wrong = ClientSecretCredential(entra.TENANT, CLIENT_ID, "planted-wrong-secret")
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215") as raised:
        connect(credential=wrong).workspaces.get("ml")
    assert "planted" not in str(raised.value)


def test_a_projected_token_logs_in(
    bed: Bed, connect: Connect, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bed.directory.clients[CLIENT_ID], "subjects", {_SUBJECT})
    ml = connect(credential=_workload(token_file))
    assert ml.workspaces.get("ml").location == "westeurope"


def test_a_wrong_subject_is_named(connect: Connect, token_file: Path) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS700213") as raised:
        connect(credential=_workload(token_file)).workspaces.get("ml")
    assert _SUBJECT in str(raised.value)


def test_a_token_that_the_cluster_denies_logs_nobody_in(connect: Connect, token_file: Path) -> None:
    token_file.write_text("forged")
    with pytest.raises(ClientAuthenticationError, match="AADSTS50027"):
        connect(credential=_workload(token_file)).workspaces.get("ml")


def test_an_expired_token_is_refused(
    bed: Bed, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bed.directory, "lifetime", -1.0)
    with pytest.raises(HttpResponseError) as raised:
        connect().workspaces.get("ml")
    assert raised.value.status_code == 401


def test_the_proxy_lets_nothing_else_through(bed: Bed) -> None:
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get("https://example.com", timeout=5)
    assert bed.journal.refused == ["example.com:443"]
