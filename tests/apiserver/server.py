"""A real API server and etcd of its own on loopback, to try CEL, RBAC and preconditions on."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from cluster.commands import ClusterError
from cluster.gobuild import KUBERNETES, built
from cluster.paths import places
from cluster.tools import unpack, which

REPOSITORY = Path(__file__).resolve().parents[2]

# User name and groups by token. The operator has exactly what RBAC gives to its account.
OPERATOR = "system:serviceaccount:comal-system:comal-operator"
USERS = {
    "admin": ("admin", "system:masters"),
    "operator": (OPERATOR, "system:serviceaccounts:comal-system"),
    "alice": ("alice", "team-a"),
}
_PATIENCE = 60.0


@dataclass(frozen=True)
class ApiServer:
    """A running API server; every user of `USERS` logs in with their name as token."""

    url: str
    folder: Path
    etcd: str
    """Where its etcd answers."""

    @property
    def authority(self) -> Path:
        """The certificate that the server made for itself, and of its own authority."""
        return self.folder / "certs" / "apiserver.crt"

    def kubeconfig(self, user: str) -> Path:
        """Return a kubeconfig of that user."""
        path = self.folder / f"{user}.kubeconfig"
        cluster = {"server": self.url, "certificate-authority": str(self.authority)}
        named = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": user}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
        }
        path.write_text(yaml.safe_dump(named))
        return path

    def client(self, user: str) -> Client:
        """Return a client that acts as that user."""
        return Client(self.url, user, self.authority)


class Client:
    """Plain requests, for tests: every answer is data, whatever its status."""

    def __init__(self, url: str, token: str, authority: Path) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"
        # The environment may name another authority, which would win over `verify`.
        self._session.trust_env = False
        self._session.verify = str(authority)

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        content: str = "application/json",
        **query: str,
    ) -> tuple[int, dict[str, Any]]:
        """Return status and body."""
        answer = self._session.request(
            method,
            f"{self._url}{path}",
            data=None if body is None else json.dumps(body),
            headers={"Content-Type": content},
            params=query,
            timeout=30,
        )
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        return answer.status_code, answer.json() if is_json else {"text": answer.text}

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Return the object or list there; raise AssertionError if there is none."""
        return self._must("GET", path, None, **query)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create; raise AssertionError if refused."""
        return self._must("POST", path, body)

    def delete(self, path: str) -> dict[str, Any]:
        """Delete; raise AssertionError if refused."""
        return self._must("DELETE", path, None)

    def merge(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Merge-patch; raise AssertionError if refused."""
        return self._must("PATCH", path, body, content="application/merge-patch+json")

    def apply(self, path: str, body: Mapping[str, Any], manager: str = "kubectl") -> dict[str, Any]:
        """Server-side apply; raise AssertionError if refused."""
        content = "application/apply-patch+yaml"
        return self._must("PATCH", path, body, content=content, fieldManager=manager, force="true")

    def _must(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        content: str = "application/json",
        **query: str,
    ) -> dict[str, Any]:
        status, answer = self.call(method, path, body, content, **query)
        if status >= 400:
            raise AssertionError(f"{method} {path}: {status} {answer.get('message', answer)}")
        return answer


@contextmanager
def api_server() -> Iterator[ApiServer]:
    """Run an API server with our CRDs and the operator's RBAC; nothing is left behind.

    Raises ClusterError with the server's last lines when it does not come up.
    """
    folder = Path(tempfile.mkdtemp(prefix="comal-api-"))
    started: list[subprocess.Popen[bytes]] = []
    try:
        etcd_port, peer_port, port = _free_ports(3)
        started.append(_etcd(folder, etcd_port, peer_port))
        started.append(_kube_apiserver(folder, etcd_port, port))
        server = ApiServer(f"https://127.0.0.1:{port}", folder, f"http://127.0.0.1:{etcd_port}")
        _wait_until_ready(server, started)
        install(server.client("admin"))
        yield server
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def install(admin: Client) -> None:
    """Apply the CRDs and wait until they are served; then the operator's account and rights."""
    crds = [
        yaml.safe_load(file.read_text()) for file in sorted((REPOSITORY / "crds").glob("*.yaml"))
    ]
    crds = [crd for crd in crds if crd["kind"] == "CustomResourceDefinition"]
    root = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for crd in crds:
        admin.apply(f"{root}/{crd['metadata']['name']}", crd)
    for crd in crds:
        _until_established(admin, f"{root}/{crd['metadata']['name']}")
    admin.apply("/api/v1/namespaces/comal-system", _named("v1", "Namespace", "comal-system"))
    rbac = REPOSITORY / "manifests" / "base" / "rbac.yaml"
    for manifest in yaml.safe_load_all(rbac.read_text()):
        namespace = manifest["metadata"].get("namespace")
        scope = f"/namespaces/{namespace}" if namespace else ""
        plural = f"{manifest['kind'].lower()}s"
        base = f"/apis/rbac.authorization.k8s.io/v1{scope}/{plural}"
        admin.apply(f"{base}/{manifest['metadata']['name']}", manifest)


def _etcd(folder: Path, port: int, peer_port: int) -> subprocess.Popen[bytes]:
    url, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    binary = which("etcd") or str(unpack(places(), "etcd"))
    flags = {
        "data-dir": str(folder / "etcd"),
        "listen-client-urls": url,
        "advertise-client-urls": url,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
        "log-level": "error",
    }
    # A test's data need not survive a power cut.
    return _start(folder, "etcd", [binary, *_flags(flags), "--unsafe-no-fsync"])


def _kube_apiserver(folder: Path, etcd_port: int, port: int) -> subprocess.Popen[bytes]:
    tokens = folder / "tokens.csv"
    lines = [f'{token},{user},{token},"{group}"' for token, (user, group) in USERS.items()]
    tokens.write_text("\n".join(lines) + "\n")
    key = folder / "accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    flags = {
        "etcd-servers": f"http://127.0.0.1:{etcd_port}",
        "bind-address": "127.0.0.1",
        "secure-port": str(port),
        "cert-dir": str(folder / "certs"),
        "token-auth-file": str(tokens),
        "authorization-mode": "RBAC",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": str(key),
        "service-account-signing-key-file": str(key),
        "service-cluster-ip-range": "10.96.0.0/16",
        # Nobody makes the default ServiceAccount here.
        "disable-admission-plugins": "ServiceAccount",
        # A burst of tests is not a flood.
        "max-requests-inflight": "0",
        "max-mutating-requests-inflight": "0",
        "enable-priority-and-fairness": "false",
    }
    binary = str(built(places(), KUBERNETES) / "kube-apiserver")
    return _start(folder, "kube-apiserver", [binary, *_flags(flags)])


def _start(folder: Path, name: str, command: list[str]) -> subprocess.Popen[bytes]:
    # Collecting garbage a quarter as often is a good part of what such a server does otherwise.
    environment = os.environ | {"GOGC": "400"}
    with (folder / f"{name}.log").open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, cwd=folder, env=environment)


def _flags(flags: Mapping[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _wait_until_ready(server: ApiServer, started: list[subprocess.Popen[bytes]]) -> None:
    admin = server.client("admin")
    give_up = time.monotonic() + _PATIENCE
    while time.monotonic() < give_up:
        if any(process.poll() is not None for process in started):
            break
        try:
            if server.authority.exists() and admin.call("GET", "/readyz")[0] == 200:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    logs = "\n".join(file.read_text()[-1500:] for file in server.folder.glob("*.log"))
    raise ClusterError(f"the API server did not come up:\n{logs}")


def _until_established(admin: Client, path: str) -> None:
    give_up = time.monotonic() + _PATIENCE
    while time.monotonic() < give_up:
        conditions = admin.get(path).get("status", {}).get("conditions") or []
        if any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
            return
        time.sleep(0.05)
    raise ClusterError(f"{path} was not established")


def _named(api_version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}
