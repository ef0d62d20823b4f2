"""The operator as it is installed: its own process, kopf, the Lease and all."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families

from apiserver.server import ApiServer

_PATIENCE = 120.0
_WRITES = ("create", "patch", "delete")


class NotReadyError(Exception):
    """The operator did not come up, or went; the text has its last lines."""


@dataclass(frozen=True)
class OperatorProcess:
    """A running operator."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def writes(self, only: str = "") -> int:
        """Return how many writes it has made so far, of this resource alone if one is named."""
        return int(
            sum(
                value
                for labels, value in self._samples("comal_api_calls_total")
                if labels["verb"] in _WRITES
                and labels["resource"] not in ("leases", "events")
                and only in ("", labels["resource"])
            )
        )

    def reads(self) -> int:
        """Return how many other calls it has made."""
        calls = self._samples("comal_api_calls_total")
        return int(sum(value for labels, value in calls if labels["verb"] not in _WRITES))

    def waiting(self) -> int:
        """Return how many objects wait to be looked at."""
        return int(sum(value for _, value in self._samples("comal_queue_depth")))

    def resident_mib(self) -> float:
        """Return its resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [line] = [one for one in status.splitlines() if one.startswith("VmRSS:")]
        return int(line.split()[1]) / 1024

    def cpu_seconds(self) -> float:
        """Return the CPU time it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def check(self) -> None:
        """Raise NotReadyError if it has ended by itself."""
        if self.process.poll() is not None:
            raise NotReadyError(f"the operator has ended:\n{self.log.read_text()[-2000:]}")

    def _samples(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        self.check()
        text = requests.get(f"http://127.0.0.1:{self.port}/metrics", timeout=30).text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name:
                    yield sample.labels, sample.value


@asynccontextmanager
async def operator_process(server: ApiServer) -> AsyncIterator[OperatorProcess]:
    """Run the operator until the block ends; raise NotReadyError if it does not come up."""
    operator = _started(server)
    try:
        await asyncio.to_thread(_wait_until_ready, operator)
        yield operator
    finally:
        await asyncio.to_thread(_stop, operator.process)


def _started(server: ApiServer) -> OperatorProcess:
    port, progress_port = _free_port(), _free_port()
    log = server.folder / f"operator-{port}.log"
    images = {
        f"COMAL_{name}_IMAGE": f"localhost/comal/{name.lower()}:bench"
        for name in ("TRAINER", "SCORER", "ROUTER", "REGISTRY")
    }
    environment = {
        **os.environ,
        **images,
        "KUBECONFIG": str(server.kubeconfig("operator")),
        "COMAL_OPERATOR_NAMESPACE": "comal-system",
        "COMAL_PORT": str(port),
        "COMAL_PROGRESS_PORT": str(progress_port),
        "COMAL_MEMORY_LIMIT_MIB": "4096",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "comal_operator"], env=environment, stdout=output, stderr=output
        )
    return OperatorProcess(process, port, log)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(operator: OperatorProcess) -> None:
    give_up = time.monotonic() + _PATIENCE
    while time.monotonic() < give_up and operator.process.poll() is None:
        try:
            answer = requests.get(f"http://127.0.0.1:{operator.port}/readyz", timeout=5)
            if answer.ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.05)
    raise NotReadyError(f"the operator did not come up:\n{operator.log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port
