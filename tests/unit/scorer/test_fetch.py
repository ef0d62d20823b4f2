"""`fetch` against a real registry: whole, damaged, missing, unreachable, interrupted."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from comal_scorer import contract
from comal_scorer.verification import verify_folder
from unit.scorer.model_folders import Package, digest_of
from unit.scorer.registry_process import RegistryProcess
from unit.scorer.scorer_process import free_port

CARD = {"contract": "data-matrix", "format": "onnx"}
PACKAGE = Package(CARD, {"model.joblib": b"j" * 3_000_000, "serving/model.onnx": os.urandom(5000)})
REPOSITORY = "models/diabetes"


def run_fetch(url: str, digest: str, target: Path, *more: str) -> tuple[int, dict[str, str] | None]:
    """Run the init container's command; return its exit code and termination message."""
    log = target.parent / "termination-log"
    log.unlink(missing_ok=True)
    arguments = contract.fetch_arguments(
        url=url, repository=REPOSITORY, digest=digest, target=str(target)
    )
    finished = subprocess.run(
        [sys.executable, "-m", "comal_scorer", *arguments, *more],
        env=os.environ | {contract.TERMINATION_LOG_ENV: str(log)},
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in finished.stderr
    return finished.returncode, json.loads(log.read_text()) if log.exists() else None


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def test_the_whole_artifact_arrives(registry: RegistryProcess, target: Path) -> None:
    digest = registry.push(PACKAGE, REPOSITORY)

    assert run_fetch(registry.url, digest, target) == (0, None)

    verify_folder(target, digest)
    assert (target / "serving/model.onnx").read_bytes() == PACKAGE.files["serving/model.onnx"]
    assert not (target / ".partial").exists()


def test_a_second_fetch_proves_and_returns(registry: RegistryProcess, target: Path) -> None:
    digest = registry.push(PACKAGE, REPOSITORY)
    run_fetch(registry.url, digest, target)

    # No registry is needed any more.
    assert run_fetch(f"http://127.0.0.1:{free_port()}", digest, target) == (0, None)

    (target / "model.joblib").write_bytes(b"changed")
    code, message = run_fetch(registry.url, digest, target)
    assert code == 1
    assert message is not None
    assert message["reason"] == "DigestMismatch"


def test_an_interrupted_fetch_goes_on(registry: RegistryProcess, target: Path) -> None:
    digest = registry.push(PACKAGE, REPOSITORY)
    # What a kill leaves: one proved file, one half-written, no manifest.
    (target / "model.joblib").write_bytes(PACKAGE.files["model.joblib"])
    (target / ".partial").mkdir()
    (target / ".partial" / "half").write_bytes(b"ha")

    assert run_fetch(registry.url, digest, target) == (0, None)
    verify_folder(target, digest)


@pytest.mark.parametrize("damage", ["flip", "cut", "grow"])
def test_a_damaged_blob_is_refused(registry: RegistryProcess, target: Path, damage: str) -> None:
    content = os.urandom(4000)
    package = Package(CARD, {"serving/model.onnx": content, "z": b"z"})
    digest = registry.push(package, REPOSITORY)
    stored = registry.stored(digest_of(content))
    damaged = {"flip": bytes([content[0] ^ 1]) + content[1:], "cut": content[:-1]}
    stored.write_bytes(damaged.get(damage, content + b"x"))

    code, message = run_fetch(registry.url, digest, target)

    assert code == 1
    assert message is not None
    assert message["reason"] == "DigestMismatch"
    assert "serving/model.onnx" in message["message"]
    assert not (target / "manifest.json").exists()
    assert not (target / "serving").exists()


def test_a_damaged_manifest_is_refused(registry: RegistryProcess, target: Path) -> None:
    package = Package(CARD, {"x": os.urandom(20)})
    digest = registry.push(package, REPOSITORY)
    stored = registry.stored(digest)
    stored.write_bytes(stored.read_bytes().replace(b'"schemaVersion": 2', b'"schemaVersion":  2'))

    code, message = run_fetch(registry.url, digest, target, "--deadline", "0.1")

    # The registry itself may notice and refuse; what never happens is a model that arrives.
    assert code == 1
    assert message is not None
    assert message["reason"] in {"DigestMismatch", "ArtifactNotFound", "RegistryUnreachable"}
    assert not list(target.iterdir())


def test_an_unknown_digest_is_not_found(registry: RegistryProcess, target: Path) -> None:
    code, message = run_fetch(registry.url, "sha256:" + "0" * 64, target)

    assert code == 1
    assert message is not None
    assert message["reason"] == "ArtifactNotFound"


def test_nobody_there_is_unreachable(target: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    code, message = run_fetch(url, PACKAGE.digest, target, "--deadline", "0.6")

    assert code == 1
    assert message is not None
    assert message["reason"] == "RegistryUnreachable"


def test_it_can_be_stopped_while_it_waits(target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        arguments = contract.fetch_arguments(
            url=f"http://127.0.0.1:{silent.getsockname()[1]}",
            repository=REPOSITORY,
            digest=PACKAGE.digest,
            target=str(target),
        )
        waiting = subprocess.Popen([sys.executable, "-m", "comal_scorer", *arguments])
        connection, _ = silent.accept()
        waiting.terminate()

        # Left by its own decision: a first process without a handler would not have noticed.
        assert waiting.wait(30) == 128 + signal.SIGTERM
    connection.close()


def test_a_path_out_of_the_folder_is_refused(registry: RegistryProcess, target: Path) -> None:
    evil = Package(CARD, {"../escaped": os.urandom(10)})
    digest = registry.push(evil, REPOSITORY)

    code, message = run_fetch(registry.url, digest, target)

    assert code == 1
    assert message is not None
    assert message["reason"] == "ArtifactInvalid"
    assert not (target.parent / "escaped").exists()


def test_too_large_an_artifact_is_refused(registry: RegistryProcess, target: Path) -> None:
    digest = registry.push(PACKAGE, REPOSITORY)

    code, message = run_fetch(registry.url, digest, target, "--max-bytes", "1000000")

    assert code == 1
    assert message is not None
    assert message["reason"] == "ArtifactInvalid"
    assert "--max-bytes" in message["message"]


def test_a_target_that_cannot_be_written_is_named(registry: RegistryProcess, target: Path) -> None:
    digest = registry.push(PACKAGE, REPOSITORY)
    target.rmdir()
    target.write_text("a file, not a folder")

    code, message = run_fetch(registry.url, digest, target)

    assert code == 1
    assert message is not None
    assert message["reason"] == "StorageFailed"


class _Flaky(http.server.BaseHTTPRequestHandler):
    """Fails each path twice, with 503 and with a cut body, before it answers."""

    content: dict[str, bytes]
    asked: dict[str, int]

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        turn = self.asked[name] = self.asked.get(name, 0) + 1
        body = self.content[name]
        self.send_response(503 if turn == 1 else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if turn == 2 else body)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def flaky_url() -> Iterator[str]:
    content = {digest_of(body): body for body in (PACKAGE.config, *PACKAGE.files.values())}
    content[PACKAGE.digest] = PACKAGE.manifest
    handler = type("Flaky", (_Flaky,), {"content": content, "asked": {}})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_registry_that_stumbles_is_asked_again(flaky_url: str, target: Path) -> None:
    assert run_fetch(flaky_url, PACKAGE.digest, target) == (0, None)
    verify_folder(target, PACKAGE.digest)
