"""A real OCI distribution registry on loopback, with one account."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest
import requests

ACCOUNT = ("writer", "correct horse")


@dataclass(frozen=True)
class RunningRegistry:
    url: str
    storage: Path


@contextmanager
def running_registry(folder: Path) -> Iterator[RunningRegistry]:
    """Run a registry that asks for ACCOUNT until the end of the block."""
    if shutil.which("docker-registry") is None:
        pytest.fail("docker-registry is missing on PATH: `make dev` puts it there")
    port = free_port()
    user, password = ACCOUNT
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    (folder / "htpasswd").write_text(f"{user}:{hashed}\n")
    (folder / "config.yml").write_text(
        f"""
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}/storage}}}}
http: {{addr: 127.0.0.1:{port}}}
auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}
"""
    )
    with (folder / "log").open("wb") as log:
        command = ["docker-registry", "serve", str(folder / "config.yml")]
        # Tracing would look for a collector that is not there.
        environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_it_answers(url, server, folder / "log")
        yield RunningRegistry(url, folder / "storage")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            if requests.get(f"{url}/v2/", auth=ACCOUNT, timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    pytest.fail(f"docker-registry did not start: {log.read_text()[-2000:]}")
