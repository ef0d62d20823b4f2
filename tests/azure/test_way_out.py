"""A network that lets nothing out but by its proxy, and a proxy that opens what it lets through."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import certifi
import pytest

from azure_caller import Caller, message_of, reason_of
from comal_trainer.contract.azure import Workspace
from fake_azure.bed import Bed

Behind = Callable[[Bed], None]


@pytest.fixture
def stranger(bed: Bed, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """A Job that knows of the proxy, as its Pod is told, and of public authorities only."""
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, certifi.where())
        del caller.environment[name]
    caller.workspace = replace(caller.workspace, proxy=bed.proxy)
    return caller


def trusting(caller: Caller) -> Workspace:
    return replace(caller.workspace, ca_bundle="company/root.pem")


def test_a_companys_authority_is_trusted_beside_the_public_ones(
    bed: Bed, stranger: Caller, tmp_path: Path
) -> None:
    shutil.copy(bed.authority.alone, tmp_path / "ca.crt")
    stranger.workspace = trusting(stranger)
    assert stranger.record().error is None
    assert list(bed.workspace.versions("models", "diabetes")) == ["2"]


def test_an_unknown_authority_is_told_with_the_host(stranger: Caller) -> None:
    answer = stranger.check()
    assert reason_of(answer) == "CertificateUntrusted"
    assert "login.microsoftonline.com" in message_of(answer)
    assert "azureML.caBundle" in message_of(answer)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no such key"), ("not a certificate", "holds no certificate"), ("", "holds no cert")],
    ids=["nothing", "other text", "an empty file"],
)
def test_a_bundle_without_certificates_is_named(
    stranger: Caller, tmp_path: Path, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "ca.crt").write_text(content)
    stranger.workspace = trusting(stranger)
    answer = stranger.check()
    assert reason_of(answer) == "CaBundleMissing"
    assert "ConfigMap company must have the key root.pem" in message_of(answer)
    assert words in message_of(answer)


def test_a_proxy_that_is_not_there_is_named(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        # Bound and not listening: nobody else gets the port, and nobody answers.
        taken.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        caller.workspace = replace(caller.workspace, proxy=proxy)
        answer = caller.check()
    assert reason_of(answer) == "ProxyFailed"
    assert f"the proxy {proxy} is not reached" in message_of(answer)
    assert "correct azureML.proxy" in message_of(answer)


def test_a_proxy_that_lets_nobody_through_is_named(
    bed: Bed, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bed.door, "is_shut", True)
    caller.workspace = replace(caller.workspace, proxy=bed.proxy)
    answer = caller.check()
    assert reason_of(answer) == "ProxyFailed"
    assert "answered HTTP 407: it must let us through" in message_of(answer)
