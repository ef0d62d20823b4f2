"""Debian's docker-registry: what holds the bytes behind the fake registry's login."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from cluster.commands import ClusterError
from cluster.paths import places
from cluster.tools import unpack

_PATIENCE = 30.0


@contextmanager
def docker_registry(folder: Path) -> Iterator[str]:
    """Run a registry with its bytes in `folder`; yield its URL."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    config = folder / "registry.yaml"
    said = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        # The SDK puts its own base before what an upload's Location says.
        "http": {"addr": f"127.0.0.1:{port}", "relativeurls": True},
    }
    config.write_text(yaml.safe_dump(said))
    program = unpack(places(), "docker-registry")
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([str(program), "serve", str(config)], stdout=log, stderr=log)
    try:
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError as error:
                if time.monotonic() > give_up or process.poll() is not None:
                    raise ClusterError("the registry did not start") from error
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
