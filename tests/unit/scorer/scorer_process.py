"""A real `comal_scorer` process on a free loopback port, and what a test may do to it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from comal_scorer import contract
from unit.scorer.model_folders import Package

_PATIENCE = 90.0


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Answer:
    """Send one request to a port of this machine, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        told = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, told, response.read())
    finally:
        connection.close()


class ScorerProcess:
    """The server as a Pod runs it: arguments and environment in, an exit code out."""

    def __init__(self, package: Package, folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.termination = folder / "termination-log"
        models = folder / "models"
        if not models.exists():
            models.mkdir()
            package.lay_out(models)
        self._output = (folder / "stdout").open("w+b")
        self._errors = (folder / "stderr").open("w+b")
        settings = {
            contract.MODEL_DIR_ENV: str(models),
            contract.MODEL_DIGEST_ENV: package.digest,
            contract.MODEL_NAME_ENV: "model",
            contract.MODEL_VERSION_ENV: "3",
            contract.REVISION_ENV: "7c9f",
            contract.PORT_ENV: str(self.port),
            contract.DRAIN_SECONDS_ENV: "0",
            # Most tests look at limits and counts, which are simplest in one process.
            contract.WORKERS_ENV: "1",
            contract.TERMINATION_LOG_ENV: str(self.termination),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "comal_scorer", *contract.serve_arguments()],
            env=os.environ | settings | environment,
            stdout=self._output,
            stderr=self._errors,
            # Its workers are ended with it: killed alone, it would leave them behind.
            start_new_session=True,
        )

    def wait_ready(self, patience: float = _PATIENCE) -> ScorerProcess:
        """Return when /readyz says 200; raises with the log when the process ends first."""
        limit = time.monotonic() + patience
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}: {self.errors()}")
            try:
                if self.get(contract.READY_PATH).status == 200:
                    return self
            except ConnectionError:
                time.sleep(0.01)
        raise AssertionError(f"not ready: {self.errors()}")

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str | None
    ) -> Answer:
        """Send one request on a connection of its own; `None` leaves a header out."""
        named: dict[str, str | None] = (
            {"content_type": "application/json"} if body is not None else {}
        )
        named |= headers
        sent = {name.replace("_", "-"): value for name, value in named.items() if value is not None}
        return ask(self.port, method, path, body, sent)

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def score(self, body: bytes, **headers: str | None) -> Answer:
        return self.request("POST", contract.SCORE_PATH, body, **headers)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def exit_code(self) -> int:
        return self.process.wait(_PATIENCE)

    def termination_message(self) -> dict[str, str]:
        message: dict[str, str] = json.loads(self.termination.read_text())
        return message

    def log_lines(self, at_least: int = 0) -> list[dict[str, Any]]:
        """Return the lines written so far; a line may come a moment after its answer."""
        limit = time.monotonic() + _PATIENCE
        while True:
            self._output.seek(0)
            lines = self._output.read().splitlines()
            if len(lines) >= at_least or time.monotonic() > limit:
                return [json.loads(line) for line in lines]
            time.sleep(0.01)

    def errors(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode()

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._output.close()
        self._errors.close()
