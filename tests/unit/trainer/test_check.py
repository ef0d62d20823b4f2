"""`check`: real answers of a real Prometheus, and those that are none."""

from __future__ import annotations

import contextlib
import http.server
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from comal_trainer.check import check
from comal_trainer.contract import ContractError
from comal_trainer.contract.check import (
    TOKEN_VARIABLE,
    Checked,
    Query,
    check_arguments,
    read_query,
)

QUERY = Query("", "vector(0.13)", None, "0.2", 5.0, 1)


def is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError):
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == 200
    return False


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a real server, which scrapes nothing."""
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: make dev"
    program = Path(promtool).resolve().with_name("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yml").write_text("global: {}\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [
        str(program),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(300):
            if is_ready(port):
                break
            time.sleep(0.1)
        else:
            pytest.fail((folder / "log").read_text()[-2000:])
        yield address
    finally:
        process.kill()
        process.wait()


def series(*values: str) -> str:
    """Return a query that gives several series."""
    made = (f'label_replace(vector({one}), "n", "{n}", "", "")' for n, one in enumerate(values))
    return " or ".join(made)


@pytest.mark.parametrize(
    ("query", "state", "words"),
    [
        ("vector(0.13)", "passed", "0.13 (at most 0.2)"),
        ("scalar(vector(0.2))", "passed", "0.2 (at most 0.2)"),
        ("vector(0.31)", "failed", "0.31 instead of at most 0.2"),
        ("vector(1) / 0", "failed", "inf instead of at most 0.2"),
        (series("0.1", "0.5", "0.7"), "failed", "0.7 instead of at most 0.2, as 2 of 3 series"),
        (series("0.1", "0.15"), "passed", "0.1 to 0.15 (at most 0.2)"),
        ("vector(0) / 0", "error", "gives NaN"),
        ("psi", "error", "gives no series"),
        ("vector(", "error", "parse error"),
        ("vector(1)[5m:1m]", "error", "gives a matrix"),
        ('"text"', "error", "gives a string"),
    ],
)
def test_an_answer_of_prometheus(prometheus: str, query: str, state: str, words: str) -> None:
    told = check(replace(QUERY, address=prometheus, query=query))
    assert (told.state, words in told.message) == (state, True), told


def test_both_bounds_hold(prometheus: str) -> None:
    query = replace(QUERY, address=prometheus, min="0.9", max="1")
    assert check(replace(query, query="vector(0.95)")).state == "passed"
    told = check(replace(query, query="vector(0.8)"))
    assert told == Checked("failed", "0.8 instead of at least 0.9 and at most 1")


@contextlib.contextmanager
def answering(status: int, body: bytes, seen: list[Any] | None = None) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if seen is not None:
                seen.append((self.path, self.headers.get("authorization")))
            self.send_response(status)
            self.send_header("location", "http://169.254.169.254/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/prom"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"secret of a stranger"),
        (302, b"secret of a stranger"),
        (401, b'{"token": "secret"}'),
        (200, b'["secret"]'),
        (200, b'{"status": "success", "data": {"resultType": "vector", "result": ["secret"]}}'),
        (200, b'{"status": "error", "error": "secret"}'),
        (200, b'{"status": "success", "data": "secret"}'),
        (200, b"x" * 2**21),
    ],
)
def test_whoever_is_no_prometheus_is_not_quoted(status: int, body: bytes) -> None:
    with answering(status, body) as address:
        told = check(replace(QUERY, address=address))
    assert told.state == "error"
    assert "secret" not in told.message


def test_the_token_is_sent_and_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "s3cret\n")
    seen: list[Any] = []
    with answering(500, b"no", seen) as address:
        told = check(replace(QUERY, address=address, tries=2), pause=0)
    assert seen == [("/prom/api/v1/query", "Bearer s3cret")] * 2
    assert "s3cret" not in told.message


def test_nobody_there_is_an_error_and_not_a_failure() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    told = check(replace(QUERY, address=address, tries=3), pause=0)
    assert (told.state, "no answer" in told.message) == ("error", True)


def test_the_query_survives_its_way_through_the_arguments() -> None:
    query = replace(QUERY, query='x{a="$(HOME)"}', min="-1")
    command, flag = check_arguments(query)
    assert command == "check"
    assert "$$(HOME)" in flag
    assert read_query(flag.replace("$$(", "$(").removeprefix("--query=")) == query
    with pytest.raises(ContractError):
        read_query("{}")
    with pytest.raises(ContractError):
        Checked.decode('{"state": "fine", "message": ""}')
