"""Blob storage by azurite, Microsoft's own emulator, under its hosts' real names."""

from __future__ import annotations

import base64
import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.commands import ClusterError, run, say
from cluster.paths import places
from cluster.tools import install_commands
from fake_azure.authority import Authority

HOST = "*.blob.core.windows.net"
# Newer ones want Node 22, which Debian 12 does not have.
VERSION = "3.35.0"
ACCOUNT = "comalstore"
KEY = base64.b64encode(b"not-a-secret-" * 4).decode()
_PATIENCE = 300.0


def installed() -> Path:
    """Return azurite's program for blobs, installed by npm into the cache at the first call."""
    folder = places().cache / "azurite" / VERSION
    program = folder / "node_modules" / ".bin" / "azurite-blob"
    folder.mkdir(parents=True, exist_ok=True)
    # Test processes that start side by side: one installs, the others wait for it.
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            install_commands({"node": "nodejs", "npm": "npm"})
            say("installing azurite (once)")
            what = f"azurite@{VERSION}"
            run(["npm", "install", "--no-audit", "--no-fund", "--prefix", folder, what])
    return program


@contextmanager
def blobs(folder: Path, authority: Authority) -> Iterator[int]:
    """Run azurite with one account; yield the port where it speaks https."""
    program = installed()
    port = _free_port()
    log = folder / "azurite.log"
    command = [
        str(program),
        *("--blobHost", "127.0.0.1", "--blobPort", str(port)),
        *("--cert", str(authority.certificate), "--key", str(authority.key)),
        # The SDK speaks a newer version of the protocol than any azurite knows.
        *("--oauth", "basic", "--skipApiVersionCheck", "--disableTelemetry"),
        *("--location", str(folder / "blobs"), "--silent"),
    ]
    environment = os.environ | {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
    try:
        _wait(port, process, log)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + _PATIENCE
    while time.monotonic() < give_up and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise ClusterError(f"azurite did not start: {log.read_text()[-500:]}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
