"""What the builders are told, and what they may know of this machine."""

import configparser
from pathlib import Path

import pytest

from images.builder import Build, command, pip_secrets

BUILD = Build("trainer", "localhost/comal/trainer:1", {"BASE_IMAGE": "debian"})


@pytest.mark.parametrize("builder", ["docker", "podman", "buildah"])
def test_every_builder_gets_the_same_target_arguments_and_secrets(builder: str) -> None:
    words = command(builder, BUILD, {"pip.conf": Path("/b/pip.conf")})

    assert words[:2] == (builder, "build")
    assert words[-1] == "."
    assert {"--target", "trainer", "localhost/comal/trainer:1"} <= set(words)
    assert "--build-arg=BASE_IMAGE=debian" in words
    assert "--secret=id=pip.conf,src=/b/pip.conf" in words


def test_only_buildah_is_told_how_to_isolate() -> None:
    assert "--isolation" in command("buildah", BUILD, {})
    assert "--isolation" not in command("docker", BUILD, {})


def test_certificates_and_index_travel_as_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/ca.crt")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")

    secrets = pip_secrets(tmp_path)

    settings = configparser.ConfigParser()
    settings.read(secrets["pip.conf"])
    assert secrets["certificates"] == Path("/ca.crt")
    assert settings["global"]["cert"] == "/run/secrets/certificates"
    assert settings["global"]["index-url"] == "https://index.example/simple"
    assert "find-links" not in settings["global"]
