"""Against a real registry, and against a wire that breaks in front of it."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests

from comal_trainer.artifact import artifact_of
from comal_trainer.contract import MANIFEST_MEDIA_TYPE, Reason, Registered
from comal_trainer.failure import UnavailableError, UserError
from comal_trainer.register import check_tag, register, repository_at
from comal_trainer.registry import Patience, Repository
from unit.trainer.registry_process import ACCOUNT, RunningRegistry, free_port

CARD = b"""
format: onnx
file: model.onnx
contract: data-matrix
signature:
  inputs: [{name: data, dtype: float32, shape: [-1, 3]}]
  outputs: [{name: answer, dtype: float32, shape: [-1, 1]}]
serving: {format: onnx, file: serving/model.onnx}
"""
SOON = Patience(attempts=4, pause=0.01)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return a_package(tmp_path / "package")


def a_package(folder: Path, content: bytes = b"model") -> Path:
    (folder / "serving").mkdir(parents=True)
    (folder / "model.yaml").write_bytes(CARD)
    (folder / "model.onnx").write_bytes(content)
    (folder / "serving/model.onnx").write_bytes(content)
    (folder / "empty.txt").write_bytes(b"")
    return folder


def at(url: str, name: str = "models/a", account: tuple[str, str] | None = ACCOUNT) -> Repository:
    return Repository(url, name, account, SOON)


def fetched(registry: RunningRegistry, path: str) -> requests.Response:
    headers = {"Accept": MANIFEST_MEDIA_TYPE}
    return requests.get(f"{registry.url}/v2/{path}", auth=ACCOUNT, headers=headers, timeout=30)


def test_every_byte_arrives_under_the_digest_told(registry: RunningRegistry, package: Path) -> None:
    answer = register(package, at(registry.url), "run-1")
    assert answer.error is None
    assert (answer.files, answer.size) == (4, len(CARD) + 2 * len(b"model"))
    manifest = fetched(registry, f"models/a/manifests/{answer.digest}")
    assert "sha256:" + hashlib.sha256(manifest.content).hexdigest() == answer.digest
    assert fetched(registry, "models/a/manifests/run-1").content == manifest.content
    described = manifest.json()
    assert described["artifactType"] == "application/vnd.comal.model.v1"
    titles = {}
    for layer in described["layers"]:
        content = fetched(registry, f"models/a/blobs/{layer['digest']}").content
        titles[layer["annotations"]["org.opencontainers.image.title"]] = content
    assert list(titles) == sorted(titles)
    for path, content in titles.items():
        assert (package / path).read_bytes() == content
    config = fetched(registry, f"models/a/blobs/{described['config']['digest']}").json()
    assert config["serving"]["file"] == "serving/model.onnx"


def test_the_same_folder_is_the_same_digest_and_is_sent_once(
    registry: RunningRegistry, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = register(package, at(registry.url, "models/twice"), "run-1")
    capsys.readouterr()
    copy = a_package(tmp_path / "copy")
    assert register(copy, at(registry.url, "models/twice"), "run-2") == first
    assert capsys.readouterr().out.count("already there") == 4
    other = a_package(tmp_path / "other", b"another")
    assert register(other, at(registry.url, "models/twice"), "run-3").digest != first.digest


def test_a_large_file_streams(registry: RunningRegistry, tmp_path: Path) -> None:
    package = a_package(tmp_path / "package", b"0123456789abcdef" * 4 * 1024 * 1024)
    assert register(package, at(registry.url, "models/large"), "run-1").error is None


@pytest.mark.parametrize("account", [None, ("writer", "wrong"), ("nobody", "x")])
def test_a_wrong_account_is_refused_and_its_password_not_told(
    registry: RunningRegistry, package: Path, account: tuple[str, str] | None
) -> None:
    answer = register(package, at(registry.url, account=account), "run-1")
    assert answer.error is not None
    assert answer.error.reason == Reason.REGISTRY_REFUSED
    assert "401" in answer.error.message
    assert account is None or account[1] not in answer.error.message.split()


def test_nobody_at_the_address_is_for_another_attempt(package: Path) -> None:
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1"):
        register(package, at(f"http://127.0.0.1:{free_port()}"), "run-1")


@pytest.mark.parametrize(
    "missing", ["model.yaml", "serving/model.onnx"], ids=["no card", "nothing to serve"]
)
def test_half_a_package_is_not_pushed(
    registry: RunningRegistry, package: Path, missing: str
) -> None:
    (package / missing).unlink()
    answer = register(package, at(registry.url, "models/half"), "run-1")
    assert answer.error is not None
    assert answer.error.reason == Reason.PACKAGE_MISSING
    assert missing in answer.error.message
    assert fetched(registry, "models/half/tags/list").status_code == 404


def test_a_link_planted_in_the_package_is_not_followed(
    registry: RunningRegistry, package: Path, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("secret")
    (package / "weights.bin").symlink_to(tmp_path / "password")
    answer = register(package, at(registry.url), "run-1")
    assert answer.error is not None
    assert "weights.bin" in answer.error.message


def test_the_account_comes_from_a_folder_of_files(tmp_path: Path) -> None:
    assert repository_at("http://r:5000", "models/a", tmp_path).account is None
    (tmp_path / "username").write_text("writer\n")
    (tmp_path / "password").write_text("correct horse\n")
    assert repository_at("http://r:5000", "models/a", tmp_path).account == ACCOUNT


@pytest.mark.parametrize(
    ("url", "name", "tag"),
    [
        ("r:5000", "models/a", "run-1"),
        ("ftp://r", "models/a", "run-1"),
        ("http://", "models/a", "run-1"),
        ("http://me:pass@r:5000", "models/a", "run-1"),
        ("http://r:5000", "Models/a", "run-1"),
        ("http://r:5000", "models/../a", "run-1"),
        ("http://r:5000", "models/a", "run 1"),
        ("http://r:5000", "models/a", "../blobs"),
    ],
)
def test_wrong_addresses_are_told(tmp_path: Path, url: str, name: str, tag: str) -> None:
    with pytest.raises(UserError) as told:
        (repository_at(url, name, tmp_path), check_tag(tag))
    assert "pass@" not in str(told.value)


class BreakingWire(http.server.BaseHTTPRequestHandler):
    """Passes requests on to the registry, and every n-th one fails on its way."""

    protocol_version = "HTTP/1.1"
    upstream = ""
    faults: ClassVar[list[str]] = []
    session = requests.Session()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "drop before":
            self.close_connection = True
            return
        if fault.isdigit():
            self.send_response(int(fault))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        answer = self.session.request(
            self.command,
            self.upstream + self.path,
            data=body,
            headers=dict(self.headers.items()),
            allow_redirects=False,
            timeout=30,
        )
        if fault == "drop after":
            self.close_connection = True
            return
        content = b"garbage" if fault == "garbage" else answer.content
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(0 if self.command == "HEAD" else len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = _pass_on  # noqa: N815

    def log_message(self, *_arguments: Any) -> None:
        """Keep the test's output quiet."""


@contextmanager
def breaking_wire(upstream: str, faults: list[str]) -> Iterator[str]:
    handler = type("Wire", (BreakingWire,), {"upstream": upstream, "faults": faults})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("fault", ["drop before", "drop after", "503", "429", "500"])
@pytest.mark.parametrize("place", range(8))
def test_a_fault_on_the_wire_is_survived_wherever_it_strikes(
    registry: RunningRegistry, tmp_path: Path, fault: str, place: int
) -> None:
    name = f"models/wire-{fault.replace(' ', '-')}-{place}"
    package = a_package(tmp_path / "package", f"model {fault} {place}".encode())
    with breaking_wire(registry.url, [""] * place + [fault]) as url:
        answer = register(package, at(url, name), "run-1")
    assert answer.error is None
    assert answer.digest == artifact_of(package).digest
    assert fetched(registry, f"{name}/manifests/run-1").status_code == 200


def test_a_registry_that_gives_other_bytes_back_is_not_believed(
    registry: RunningRegistry, package: Path
) -> None:
    assert register(package, at(registry.url, "models/lies"), "run-0").error is None
    # Five blobs are there already; then the manifest is written and read back.
    with breaking_wire(registry.url, [""] * 6 + ["garbage"]) as url:
        answer = register(package, at(url, "models/lies"), "run-1")
    assert isinstance(answer, Registered)
    assert answer.error is not None
    assert "came back" in answer.error.message


def test_a_registry_that_is_down_for_good_is_for_another_attempt(
    registry: RunningRegistry, package: Path
) -> None:
    with (
        breaking_wire(registry.url, ["503"] * 50) as url,
        pytest.raises(UnavailableError, match="503"),
    ):
        register(package, at(url), "run-1")
