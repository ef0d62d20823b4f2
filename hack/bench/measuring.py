"""One contestant, once: started on one core, asked from another, ended with its children."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from bench.contestants import PORT, Contestant
from bench.models import Body, body

_START_SECONDS = 120.0
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Load:
    """What came of one number of open connections."""

    rate: float
    p50: float
    p99: float
    cpu_milliseconds: float
    bad: int


@dataclass(frozen=True)
class Result:
    """What one run of one contestant gave; the answer is its first prediction."""

    first_answer_seconds: float
    megabytes: float
    answer: float
    loads: dict[int, Load]


def measure(
    contestant: Contestant, folder: Path, model: str, connections: list[int], seconds: int
) -> Result:
    """Return what was measured; raises `RuntimeError` for one that does not answer."""
    _port_must_be_free()
    asked = body(folder, contestant.body)
    command = [str(part) for part in contestant.command(folder)]
    variables = {"MODEL": model, "MODELS": str(folder), "PORT": str(PORT), "BACKEND": "onnx"}
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    log = (folder / "server.log").open("wb")
    started = time.monotonic()
    server = subprocess.Popen(
        ["taskset", "-c", "0", *command],
        env=os.environ | threads | variables | contestant.variables,
        stdout=log,
        stderr=log,
        cwd=folder,
        start_new_session=True,
    )
    try:
        answer = _first_answer(contestant, asked, server)
        ready = time.monotonic() - started
        _wrk(contestant, asked, connections[0], 1)
        loads = {
            count: _load(contestant, asked, count, seconds, server.pid) for count in connections
        }
        return Result(ready, _resident(server.pid), answer, loads)
    finally:
        _end(server)
        log.close()


def _port_must_be_free() -> None:
    """Raise `RuntimeError` when somebody listens: servers that share a port would mix answers."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", PORT)) == 0:
            raise RuntimeError(f"port {PORT} is taken; end the server that an earlier run left")


def _first_answer(contestant: Contestant, asked: Body, server: "subprocess.Popen[bytes]") -> float:
    headers = {"content-type": "application/json"}
    if asked.header_length is not None:
        headers = {"content-type": "application/octet-stream"}
        headers["inference-header-content-length"] = str(asked.header_length)
    url = f"http://127.0.0.1:{PORT}{contestant.path}"
    limit = time.monotonic() + _START_SECONDS
    problem: object = "it never listened"
    while time.monotonic() < limit and server.poll() is None:
        try:
            request = urllib.request.Request(url, asked.file.read_bytes(), headers)
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - our own
                return _first_number(response.read())
        except urllib.error.HTTPError as found:
            if 400 <= found.code < 500 and found.code not in {404, 405}:
                raise RuntimeError(f"{contestant.name} refuses: {found.read()!r:.300}") from None
            problem = found
            time.sleep(0.01)
        except (OSError, ValueError) as found:
            problem = found
            time.sleep(0.01)
    raise RuntimeError(f"{contestant.name} does not answer: {problem}")


def _first_number(content: bytes) -> float:
    """Return the first prediction, however a server wraps it."""
    value = json.loads(content)
    if isinstance(value, dict):
        value = next(value[name] for name in ("outputs", "output", "result") if name in value)
    while isinstance(value, list):
        value = value[0]
        if isinstance(value, dict):
            value = value["data"]
    return float(value)


def _load(contestant: Contestant, asked: Body, connections: int, seconds: int, pid: int) -> Load:
    before = _cpu(pid)
    told = _wrk(contestant, asked, connections, seconds)
    used = (_cpu(pid) - before) * 1000 / max(told["requests"], 1)
    rate = told["requests"] / told["seconds"]
    return Load(rate, told["p50"], told["p99"], used, int(told["bad"]))


def _wrk(contestant: Contestant, asked: Body, connections: int, seconds: int) -> dict[str, float]:
    variables = {"BODY": str(asked.file)}
    if asked.header_length is not None:
        variables["HEADER_LENGTH"] = str(asked.header_length)
    script = Path(__file__).parent / "post.lua"
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", script]
    url = f"http://127.0.0.1:{PORT}{contestant.path}"
    done = subprocess.run(
        ["taskset", "-c", "1", "wrk", *map(str, options), url],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("JSON "))
    told: dict[str, float] = json.loads(line[5:])
    return told


def _family(pid: int) -> dict[int, list[str]]:
    """Return a process and all its descendants, with their stat fields."""
    fields: dict[int, list[str]] = {}
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        own = int(path.parent.name)
        fields[own] = found
        children.setdefault(int(found[1]), []).append(own)
    family, waiting = {}, [pid]
    while waiting:
        one = waiting.pop()
        if one in fields:
            family[one] = fields[one]
            waiting += children.get(one, [])
    return family


def _cpu(pid: int) -> float:
    return sum(int(found[11]) + int(found[12]) for found in _family(pid).values()) / _TICK


def _resident(pid: int) -> float:
    return sum(int(found[21]) for found in _family(pid).values()) * _PAGE / 1e6


def _end(server: "subprocess.Popen[bytes]") -> None:
    """End the session that the server leads, and children that lead one of their own."""
    family = _family(server.pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
        except ProcessLookupError:
            break
        try:
            server.wait(8)
        except subprocess.TimeoutExpired:
            continue
    server.wait()
    for pid, found in family.items():
        # The start time too: the number may be another process's by now.
        if _family(pid).get(pid, [])[19:20] == found[19:20]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
