"""Models go to a registry elsewhere and come back, by the programs that use the embedded one."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from azure_caller import write_secret
from comal_scorer.failure import TerminationError
from comal_scorer.fetch import fetch
from comal_scorer.registry import Patience as FetchPatience
from comal_scorer.registry import open_registry
from comal_trainer.artifact import Blob, blob_of
from comal_trainer.contract.gateway import Upstream
from comal_trainer.failure import JobFailure, UnavailableError
from comal_trainer.gateway import azure_store
from comal_trainer.gateway.command import _account, open_store
from comal_trainer.gateway.server import Server, Turns
from comal_trainer.gateway.store import Store, StoreFailure
from comal_trainer.registry import Patience, Repository, bytes_content
from fake_azure import container_registry, entra
from fake_azure.bed import CLIENT_ID, CLIENT_SECRET, Bed
from fake_azure.journal import Fault

SUBJECT = "system:serviceaccount:team:comal-registry-default-azure"
WRITER = ("writer", "planted-writer-password")
KINDS = ("identity", "password")
# More than two pieces of the SDK's.
LARGE = 10_000_000


@dataclass
class Gateway:
    """Its two addresses, and the registry as it reaches it."""

    writer: str
    reader: str
    store: Store
    folder: Path
    seed: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Of bytes that the registry does not have yet."""

    def repository(self, account: tuple[str, str] | None = WRITER) -> Repository:
        """Return what a register Job pushes to."""
        return Repository(self.writer, "models/diabetes", account, Patience(2, 0.01))

    def fetch(self, digest: str, name: str = "fetched", deadline: float = 1.0) -> Path:
        """Fetch as a scoring Pod does; return the folder."""
        folder = self.folder / name
        folder.mkdir()
        registry = open_registry(self.reader, "models/diabetes", FetchPatience(deadline=deadline))
        fetch(registry, digest, folder, 1 << 30)
        return folder

    def get(self, path: str) -> requests.Response:
        """Ask the reader."""
        return requests.get(f"{self.reader}/v2/models/diabetes/{path}", timeout=30)


def an_upstream(kind: str, **said: str) -> Upstream:
    who = {"identity": {"secret": "principal"}, "password": {"login": "token"}}[kind]
    given = {"host": container_registry.HOST, "path": "models/of-the-clinic", **who, **said}
    return Upstream(subject=SUBJECT, **given)


def a_login(kind: str, folder: Path, **changed: str) -> Path:
    keys = {
        "identity": {
            "AZURE_TENANT_ID": entra.TENANT,
            "AZURE_CLIENT_ID": CLIENT_ID,
            "AZURE_CLIENT_SECRET": CLIENT_SECRET,
        },
        "password": {"username": container_registry.USER, "password": container_registry.PASSWORD},
    }
    write_secret(folder, **(keys[kind] | changed))
    return folder / "login"


@contextmanager
def serving(store: Store, folder: Path) -> Iterator[Gateway]:
    """Run both ports before the store."""
    (folder / "writer").mkdir(exist_ok=True)
    for name, text in zip(("username", "password"), WRITER, strict=True):
        (folder / "writer" / name).write_text(text)
    turns = Turns()
    path = "models/of-the-clinic"
    writer = Server(0, store, path, turns, lambda: _account(folder / "writer"))
    reader = Server(0, store, path, turns, None)
    for one in (writer, reader):
        threading.Thread(target=one.serve_forever, args=(0.05,), daemon=True).start()
    at = "http://127.0.0.1"
    try:
        yield Gateway(f"{at}:{writer.server_port}", f"{at}:{reader.server_port}", store, folder)
    finally:
        for one in (writer, reader):
            one.shutdown()
            one.server_close()


Opened = Callable[..., Store]


@pytest.fixture
def opened(bed: Bed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """A function that returns the bed's registry, reached in one way or the other, at once."""
    monkeypatch.setitem(azure_store._PATIENCE, "retry_backoff_factor", 0.01)
    environment = dict(bed.environment())

    def make(kind: str, **changed: str) -> Store:
        login = a_login(kind, tmp_path, **changed)
        return open_store(an_upstream(kind), login, tmp_path / "none", environment)

    return make


@pytest.fixture(params=KINDS)
def gateway(request: pytest.FixtureRequest, opened: Opened, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway before the bed's registry, as an identity and by a password."""
    with serving(opened(request.param), tmp_path) as one:
        yield one


def a_model(seed: str, size: int = 1000) -> tuple[bytes, bytes, bytes]:
    """Return weights that nobody has yet, the config and the manifest."""
    weights = hashlib.shake_256(seed.encode()).digest(size)
    config = json.dumps({"format": "onnx", "seed": seed}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.comal.model.v1",
        "config": described("application/vnd.comal.model.config.v1+json", config),
        "layers": [
            {
                **described("application/vnd.comal.model.file.v1", weights),
                "annotations": {"org.opencontainers.image.title": "serving/model.onnx"},
            }
        ],
    }
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return weights, config, text.encode()


def described(kind: str, content: bytes) -> dict[str, object]:
    blob = blob_of(content)
    return {"mediaType": kind, "digest": blob.digest, "size": blob.size}


def push(gateway: Gateway, size: int = 1000) -> str:
    weights, config, manifest = a_model(gateway.seed, size)
    repository = gateway.repository()
    for content in (weights, config):
        assert repository.push_blob(blob_of(content), bytes_content(content))
    repository.push_manifest(manifest, "run-1")
    digest = blob_of(manifest).digest
    assert repository.manifest_digest("run-1") == repository.manifest_digest(digest) == digest
    return digest


def test_a_model_goes_there_and_comes_back(bed: Bed, gateway: Gateway) -> None:
    folder = gateway.fetch(push(gateway, LARGE))
    assert (folder / "serving" / "model.onnx").read_bytes() == a_model(gateway.seed, LARGE)[0]
    elsewhere = {one.path for one in bed.journal.calls("/manifests/", "PUT")}
    assert elsewhere == {"/v2/models/of-the-clinic/diabetes/manifests/run-1"}
    # By the hosts that are to be let through, and none besides.
    assert bed.journal.refused == []
    assert bed.journal.calls("/blobs/", "GET", container_registry.DATA_HOST)


def test_what_is_there_is_not_sent_again(bed: Bed, gateway: Gateway) -> None:
    push(gateway)
    bed.journal.clear()
    weights, _, _ = a_model(gateway.seed)
    assert not gateway.repository().push_blob(blob_of(weights), bytes_content(weights))
    assert bed.journal.calls("/blobs/uploads/") == []


def test_other_bytes_than_were_promised_are_refused(gateway: Gateway) -> None:
    promised = Blob("sha256:" + "a" * 64, 5)
    with pytest.raises(JobFailure, match=r"HTTP 400"):
        gateway.repository().push_blob(promised, bytes_content(b"other"))


def test_a_blob_of_nothing(gateway: Gateway) -> None:
    gateway.repository().push_blob(blob_of(b""), bytes_content(b""))
    answer = gateway.get(f"blobs/{blob_of(b'').digest}")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("account", [None, ("writer", "guessed")])
def test_only_who_has_the_writers_login_writes(
    gateway: Gateway, account: tuple[str, str] | None
) -> None:
    with pytest.raises(JobFailure, match="HTTP 401"):
        gateway.repository(account).push_blob(blob_of(b"x"), bytes_content(b"x"))
    with pytest.raises(JobFailure, match="HTTP 405"):
        Repository(gateway.reader, "models/diabetes", WRITER).push_blob(
            blob_of(b"x"), bytes_content(b"x")
        )


@pytest.mark.parametrize(
    "path", ["blobs/sha256:" + "b" * 64, "manifests/sha256:" + "b" * 64, "manifests/absent"]
)
def test_what_is_not_there_is_not_found(gateway: Gateway, path: str) -> None:
    assert gateway.get(path).status_code == 404


@pytest.mark.parametrize("path", ["../../v2/_catalog", "blobs/../../other/blobs/x", "tags/list"])
def test_nothing_beside_the_models_is_reached(bed: Bed, gateway: Gateway, path: str) -> None:
    bed.journal.clear()
    assert gateway.get(path).status_code == 404
    assert bed.journal.asked == []


def test_a_version_that_is_gone_is_told_by_its_name(gateway: Gateway) -> None:
    with pytest.raises(TerminationError) as raised:
        gateway.fetch("sha256:" + "c" * 64)
    assert raised.value.reason == "ArtifactNotFound"


def test_two_read_and_write_at_the_same_time(gateway: Gateway) -> None:
    digest = push(gateway)
    found: list[bool] = []

    def read(name: str) -> None:
        found.append((gateway.fetch(digest, name) / "manifest.json").exists())

    threads = [threading.Thread(target=read, args=(f"at-once-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [True] * 4


# Every call of both ways to log in: what trouble there does is told by whoever asks us again.
CALLS = {
    "look": (r"/blobs/sha256", "GET|HEAD"),
    "begin": (r"/blobs/uploads/$", "POST"),
    "end of an upload": (r"/blobs/uploads/.+", "PUT"),
    "tag": (r"/manifests/run-1$", "PUT"),
    "manifest": (r"/manifests/run-1$", "GET"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_trouble_with_a_call_is_told_and_passes(
    bed: Bed, gateway: Gateway, call: str, status: int
) -> None:
    path, method = CALLS[call]
    headers = {"Retry-After": "0"} if status == 429 else {}
    fault = Fault(path=path, method=method, status=status, times=1000, headers=headers)
    bed.journal.order(fault)
    with pytest.raises((UnavailableError, JobFailure)) as raised:
        push(gateway)
    assert "planted" not in str(raised.value)
    assert isinstance(raised.value, UnavailableError), raised.value
    fault.times = 0
    bed.journal.clear()
    repository, (weights, config, manifest) = gateway.repository(), a_model(gateway.seed)
    for content in (weights, config):
        repository.push_blob(blob_of(content), bytes_content(content))
    repository.push_manifest(manifest, "run-1")
    assert repository.manifest_digest("run-1") == blob_of(manifest).digest


@pytest.mark.parametrize("status", [400, 403, 500])
def test_bytes_that_do_not_come_are_no_model(bed: Bed, gateway: Gateway, status: int) -> None:
    digest = push(gateway)
    host = re.escape(container_registry.DATA_HOST)
    fault = Fault(path="/blobs/", host=host, status=status, times=1000)
    bed.journal.order(fault)
    with pytest.raises(TerminationError) as raised:
        gateway.fetch(digest, "broken")
    assert raised.value.reason == "RegistryUnreachable"
    assert not (gateway.folder / "broken" / "manifest.json").exists()


def test_a_stream_that_ends_in_the_middle_is_read_again(
    bed: Bed, opened: Opened, tmp_path: Path
) -> None:
    """The second piece is refused: what was sent so far has no end, and is asked for once more."""
    with serving(opened("identity"), tmp_path) as gateway:
        digest = push(gateway, LARGE)
        host = re.escape(container_registry.DATA_HOST)
        bed.journal.order(Fault(path="/blobs/", host=host, status=403, after=2))
        folder = gateway.fetch(digest, deadline=60.0)
    assert (folder / "serving" / "model.onnx").read_bytes() == a_model(gateway.seed, LARGE)[0]


@pytest.mark.parametrize("path", ["/oauth2/exchange", "/oauth2/token", "/manifests/check"])
@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "AzureAuthFailed"), (403, "AzureForbidden"), (500, "AzureUnavailable")],
)
def test_why_the_login_fails_is_told(
    bed: Bed, opened: Opened, path: str, status: int, reason: str
) -> None:
    bed.journal.order(Fault(path=path, status=status, times=1000))
    with pytest.raises(StoreFailure) as raised:
        opened("identity").check()
    assert raised.value.reason == reason
    assert container_registry.HOST in str(raised.value)
    if status in (401, 403):
        assert "AcrPush" in str(raised.value)
        assert not raised.value.is_passing


def test_a_wrong_password_is_told_and_a_right_one_is_taken(opened: Opened, tmp_path: Path) -> None:
    store = opened("password", password="planted-wrong")
    with pytest.raises(StoreFailure) as raised:
        store.check()
    assert raised.value.reason == "LoginRefused"
    assert "Secret token" in str(raised.value)
    a_login("password", tmp_path)
    store.check()


def test_a_wrong_client_secret_is_told_and_a_right_one_is_taken(
    opened: Opened, tmp_path: Path
) -> None:
    store = opened("identity", AZURE_CLIENT_SECRET="planted-wrong")
    with pytest.raises(StoreFailure) as raised:
        store.check()
    assert raised.value.reason == "AzureAuthFailed"
    a_login("identity", tmp_path)
    store.check()


def test_a_login_outlives_its_tokens(bed: Bed, gateway: Gateway, tmp_path: Path) -> None:
    """A client that is kept answers 401 for ever once its refresh token is old (SDK 1.2.0)."""
    digest = push(gateway)
    bed.journal.order(Fault(path=f"/manifests/{digest}", method="GET", status=401))
    assert gateway.get(f"manifests/{digest}").status_code in (200, 503)
    assert gateway.get(f"manifests/{digest}").status_code == 200
