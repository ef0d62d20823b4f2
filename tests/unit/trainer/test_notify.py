"""What a webhook hears, from a real server; and that nobody else hears its address."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from comal_trainer.contract.notice import notify_arguments
from comal_trainer.failure import UnavailableError, UserError
from comal_trainer.notify import notify
from comal_trainer.webhook_address import is_allowed, read_address

KEY = "s3cr3t-path"
EVENT = {
    "specversion": "1.0",
    "id": "uid-end",
    "source": "/apis/comal.dev/v1alpha1/namespaces/team/trainingruns/diabetes",
    "type": "dev.comal.trainingrun.completed",
    "data": {"message": "diabetes-v1 is registered: größer $(HOME)"},
}


class Receiver:
    """A webhook that answers with the statuses it is given, the last one for ever."""

    def __init__(self, port: int, heard: list[tuple[str, dict[str, str], Any]]) -> None:
        self.port, self.heard = port, heard


@contextmanager
def receiver(*answers: int, certificate: Path | None = None) -> Iterator[Receiver]:
    heard: list[tuple[str, dict[str, str], Any]] = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("Location", f"http://127.0.0.1:1/{KEY}")
            self.end_headers()
            self.wfile.write(f"you asked for {self.path}".encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Receiver(server.server_port, heard)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return key and certificate of `localhost`, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(folder / "key"), "-out", str(folder / "certificate")),
        ],
        check=True,
        capture_output=True,
    )
    both = folder / "both"
    both.write_text((folder / "key").read_text() + (folder / "certificate").read_text())
    return both


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


def anywhere(_: str) -> bool:
    return True


def send(port: int, host: str = "localhost") -> None:
    notify(EVENT, f"https://{host}:{port}/{KEY}?sig=x\n", allowed=anywhere, pause=0.01)


def test_a_cloud_event_is_posted_over_tls(
    trusted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with receiver(202, certificate=trusted) as server:
        send(server.port)
    ((path, headers, body),) = server.heard
    assert path == f"/{KEY}?sig=x"
    assert headers["Content-Type"].startswith("application/cloudevents+json")
    assert headers["Host"] == f"localhost:{server.port}"
    assert body == EVENT
    assert capsys.readouterr().out == "dev.comal.trainingrun.completed was taken with HTTP 202\n"


def test_passing_faults_are_tried_again(trusted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with receiver(500, 429, 503, 200, certificate=trusted) as server:
        send(server.port)
    assert len(server.heard) == 4
    # The receiver knows by the id that it is the same.
    assert len({body["id"] for _, _, body in server.heard}) == 1
    assert KEY not in capsys.readouterr().out


def test_it_gives_up(trusted: Path) -> None:
    with receiver(500, certificate=trusted) as server, pytest.raises(UnavailableError) as told:
        send(server.port)
    assert len(server.heard) == 5
    assert str(told.value) == "the webhook answered HTTP 500"


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 410])
def test_what_no_attempt_changes_is_not_tried_again(trusted: Path, status: int) -> None:
    with receiver(status, certificate=trusted) as server, pytest.raises(UserError) as told:
        send(server.port)
    assert len(server.heard) == 1
    assert str(status) in str(told.value)
    assert KEY not in str(told.value)


def test_a_certificate_that_nobody_trusts_hears_nothing(certificate: Path) -> None:
    with receiver(200, certificate=certificate) as server:
        with pytest.raises(UserError, match="not trusted") as told:
            send(server.port)
        assert "localhost" not in str(told.value)
    assert server.heard == []


def test_another_hosts_certificate_hears_nothing(trusted: Path) -> None:
    untrusted = pytest.raises(UserError, match="not trusted")
    with receiver(200, certificate=trusted) as server, untrusted:
        send(server.port, host="127.0.0.1")
    assert server.heard == []


def test_nobody_there() -> None:
    with pytest.raises(UnavailableError, match=r"did not answer \(ConnectionRefusedError\)"):
        send(1)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook",
        "ftp://host/x",
        "https://",
        "https://[::1",
        "https://host:x/",
        "https://user:word@host/",
        "https://host/a b",
        "https://host/\nHost: other",
        "https://hôst/",
        f"https://host/{'x' * 5000}",
        "http://example.org/hook",
        "http://10.0.0.1/hook",
        "http://hook.svc/",
        "http://hook.team.svc@example.org/",
        "http://hook.team.svcx.example.org/",
    ],
)
def test_wrong_addresses_are_not_repeated(url: str) -> None:
    with pytest.raises(UserError) as told:
        read_address(url)
    assert "Secret of notify" in str(told.value)
    assert "example" not in str(told.value)
    assert "host/" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "port", "path"),
    [
        ("https://hooks.example.org/services/T0/B0?x=1#part", 443, "/services/T0/B0?x=1"),
        ("https://10.1.2.3:8443", 8443, "/"),
        ("http://broker-ingress.knative-eventing.svc.cluster.local/team/default", 80, None),
        ("http://hook.team.svc:12000/run", 12000, "/run"),
    ],
)
def test_good_addresses(url: str, port: int, path: str | None) -> None:
    found = read_address(url)
    assert found.port == port
    assert found.path == (path or "/team/default")


@pytest.mark.parametrize(
    "ip",
    [
        *("127.0.0.1", "127.8.8.8", "169.254.169.254", "168.63.129.16", "0.0.0.0", "224.0.0.1"),
        *("::1", "::", "fe80::1%eth0", "::ffff:169.254.169.254", "::ffff:127.0.0.1", "ff02::1"),
        "fd00:ec2::254",
    ],
)
def test_addresses_that_no_webhook_has(ip: str) -> None:
    assert not is_allowed(ip)


@pytest.mark.parametrize("ip", ["10.0.0.7", "192.168.1.2", "8.8.8.8", "fd12::7", "2606:4700::1"])
def test_addresses_that_a_webhook_may_have(ip: str) -> None:
    assert is_allowed(ip)


def test_the_command_says_what_is_wrong_and_not_where(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    for url, code in (
        ("https://127.0.0.1:9/", 65),
        ("https://localhost:9/", 65),
        ("http://x/", 65),
    ):
        secret.write_text(f"{url}{KEY}")
        command, event = notify_arguments(EVENT)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "comal_trainer", command),
                *(event.replace("$$(", "$("), "--url-file", str(secret)),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        assert "correct it there" in done.stderr
        assert KEY not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
