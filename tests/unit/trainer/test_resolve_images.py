"""From tags to digests, at a real registry with a login and at one that hands out tokens."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from comal_trainer import distribution
from comal_trainer.artifact import blob_of
from comal_trainer.contract import MANIFEST_MEDIA_TYPE, MAX_MESSAGE_BYTES
from comal_trainer.contract.images import ResolvedImages, Unresolved, reference
from comal_trainer.pull_secrets import logins_in
from comal_trainer.registry import Repository, bytes_content
from comal_trainer.resolve_images import resolve_images
from unit.trainer.registry_process import ACCOUNT, RunningRegistry

DIGEST = "sha256:" + "a" * 64


def secret(folder: Path, registries: Mapping[str, Any], name: str = ".dockerconfigjson") -> Path:
    """Lay a pull secret down as a Pod has it mounted, beside an empty one."""
    (folder / "0").mkdir(exist_ok=True)
    (folder / "1").mkdir(exist_ok=True)
    said = {"auths": registries} if name == ".dockerconfigjson" else registries
    (folder / "1" / name).write_text(json.dumps(said))
    return folder


def auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def pushed(registry: RunningRegistry, text: bytes, tag: str) -> str:
    there = Repository(registry.url, "team/train", ACCOUNT)
    blob = blob_of(text)
    there.push_blob(blob, bytes_content(text))
    described = {"mediaType": "application/octet-stream", "digest": blob.digest, "size": blob.size}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_MEDIA_TYPE,
        "config": described,
        "layers": [],
    }
    content = json.dumps(manifest).encode()
    there.push_manifest(content, tag)
    return blob_of(content).digest


def asked(image: str, secrets: Path) -> str:
    """Return the digest."""
    answer = ResolvedImages.decode(resolve_images([image], secrets, {}).encode())
    assert answer.problems == ()
    return answer.digests["0"]


def refused(image: str, secrets: Path) -> tuple[str, str]:
    """Return reason and words."""
    answer = ResolvedImages.decode(resolve_images([image], secrets, {}).encode())
    assert answer.digests == {}
    [problem] = answer.problems
    return problem.reason, problem.message


def test_a_tag_is_what_the_registry_says_at_that_moment(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    host = urlsplit(registry.url).netloc
    first = pushed(registry, b"one", "7")
    secrets = secret(tmp_path, {host: auth(*ACCOUNT)})
    assert asked(f"{host}/team/train:7", secrets) == first
    second = pushed(registry, b"two", "7")
    assert second != first
    assert asked(f"{host}/team/train:7", secrets) == second
    assert refused(f"{host}/team/train:8", secrets)[0] == "ImageNotFound"


@pytest.mark.parametrize(
    ("registries", "words"),
    [
        ({}, "without a login"),
        ({"{host}": auth("writer", "planted-password")}, "with the login of the pull secret"),
        ({"{host}/other": auth(*ACCOUNT)}, "without a login"),
        ({"example.com": auth(*ACCOUNT)}, "without a login"),
        ({"{host}": {"auth": "%%%"}}, "without a login"),
    ],
)
def test_who_may_not_read_is_told_so(
    registry: RunningRegistry, tmp_path: Path, registries: dict[str, Any], words: str
) -> None:
    host = urlsplit(registry.url).netloc
    pushed(registry, b"one", "7")
    named = {name.format(host=host): entry for name, entry in registries.items()}
    reason, message = refused(f"{host}/team/train:7", secret(tmp_path, named))
    assert reason == "ImagePullDenied"
    assert words in message
    assert "planted" not in message


@pytest.mark.parametrize("name", [".dockerconfigjson", ".dockercfg"])
def test_the_closest_login_is_tried_first_and_then_the_others(
    registry: RunningRegistry, tmp_path: Path, name: str
) -> None:
    host = urlsplit(registry.url).netloc
    digest = pushed(registry, b"one", "7")
    wrong = auth("writer", "wrong")
    for registries in (
        {host: wrong, f"https://{host}/team/": auth(*ACCOUNT)},
        {host: auth(*ACCOUNT), f"{host}/team": wrong},
    ):
        assert asked(f"{host}/team/train:7", secret(tmp_path, registries, name)) == digest


def test_a_registry_that_is_not_there_decides_nothing(tmp_path: Path) -> None:
    reason, message = refused("127.0.0.1:1/team/train:7", tmp_path)
    assert reason == "Undecided"
    assert "was not reached" in message


class _Tokens(http.server.BaseHTTPRequestHandler):
    """A registry that hands out tokens, as Docker Hub and ACR do; `answers` overrides it."""

    answers: dict[str, int]
    asked: list[tuple[str, str]]

    def do_HEAD(self) -> None:
        self._answer(self._found())

    def do_GET(self) -> None:
        if not self.path.startswith("/token"):
            return self._answer(self._found(), b"a manifest")
        query = parse_qs(urlsplit(self.path).query)
        self.asked.append(("GET", self.headers.get("Authorization", "")))
        assert query["scope"] == ["repository:team/train:pull"]
        return self._answer(self.answers.get("token", 200), b'{"token": "good"}')

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.asked.append(("POST", parse_qs(form)["refresh_token"][0]))
        self._answer(200, b'{"access_token": "good"}')

    def _found(self) -> int:
        if self.headers.get("Authorization") != "Bearer good":
            return 401
        return self.answers.get("manifest", 200)

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        if status == 401:
            realm = f"http://{self.headers['Host']}/token"
            challenge = f'Bearer realm="{realm}",service="it",scope="repository:team/train:pull"'
            self.send_header("WWW-Authenticate", challenge)
        if status == 200 and self.command == "HEAD" and "untold" not in self.answers:
            self.send_header("Docker-Content-Digest", DIGEST)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its base's name
        pass


@contextmanager
def tokens(**answers: int) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    heard: list[tuple[str, str]] = []
    handler = type("Handler", (_Tokens,), {"answers": answers, "asked": heard})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}", heard
        finally:
            server.shutdown()
            thread.join()


def test_a_token_is_got_as_anybody_by_password_or_by_refresh_token(tmp_path: Path) -> None:
    with tokens() as (host, heard):
        assert asked(f"{host}/team/train", tmp_path) == DIGEST
        asked(f"{host}/team/train", secret(tmp_path, {host: auth("me", "word")}))
        refresh = {"auth": auth("0", "x")["auth"], "identitytoken": "refreshing"}
        assert asked(f"{host}/team/train", secret(tmp_path, {host: refresh})) == DIGEST
    assert heard == [
        ("GET", ""),
        ("GET", f"Basic {auth('me', 'word')['auth']}"),
        ("POST", "refreshing"),
    ]


def test_a_digest_that_is_not_told_is_counted() -> None:
    with tokens(untold=1) as (host, _):
        found = distribution.digest_at(reference(f"{host}/team/train"), None)
    assert found == blob_of(b"a manifest").digest


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"token": 401}, "ImagePullDenied"),
        ({"token": 500}, "Undecided"),
        ({"manifest": 403}, "ImagePullDenied"),
        ({"manifest": 404}, "ImageNotFound"),
        ({"manifest": 429}, "Undecided"),
        ({"manifest": 503}, "Undecided"),
    ],
)
def test_only_a_clear_no_is_one(tmp_path: Path, answers: dict[str, int], reason: str) -> None:
    with tokens(**answers) as (host, _):
        assert refused(f"{host}/team/train:1", tmp_path)[0] == reason


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("train:dev", "Undecided"),
        ("docker.io/team/train:dev", "ImagePullDenied"),
        ("1.dkr.ecr.eu-west-1.amazonaws.com/train:1", "Undecided"),
        ("europe-docker.pkg.dev/p/train:1", "Undecided"),
        ("gcr.io/p/train:1", "Undecided"),
        ("registry.example/train:1", "ImagePullDenied"),
    ],
)
def test_a_no_to_nobody_counts_where_nodes_have_no_way_of_their_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, image: str, reason: str
) -> None:
    answer = requests.Response()
    answer.status_code = 401
    monkeypatch.setattr(requests.Session, "request", lambda *_, **__: answer)
    assert refused(image, tmp_path)[0] == reason


def test_without_the_sdk_a_registry_at_azure_is_left_to_the_nodes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    reason, message = refused("myacr.azurecr.io/train:1", tmp_path)
    assert reason == "Undecided"
    assert "COMAL_AZURE_IMAGE" in message


@pytest.mark.parametrize(
    ("image", "host", "repository", "tag"),
    [
        ("train", "docker.io", "library/train", "latest"),
        ("index.docker.io/team/train:1", "docker.io", "team/train", "1"),
        ("localhost/train:1", "localhost", "train", "1"),
        ("registry:5000/a/b/c", "registry:5000", "a/b/c", "latest"),
        (f"registry.example/a:1@{DIGEST}", "registry.example", "a", ""),
    ],
)
def test_names_are_read_as_runtimes_read_them(
    image: str, host: str, repository: str, tag: str
) -> None:
    found = reference(image)
    assert (found.host, found.repository, found.tag) == (host, repository, tag)


@pytest.mark.parametrize(
    ("name", "image", "expected"),
    [
        ("https://index.docker.io/v1/", "train:1", True),
        ("*.azurecr.io", "my.azurecr.io/train", True),
        ("*.azurecr.io", "my.other.azurecr.io/train", False),
        ("my.azurecr.io/team", "my.azurecr.io/team/train", True),
        ("my.azurecr.io/team", "my.azurecr.io/teams/train", False),
        ("my.azurecr.io:443", "my.azurecr.io/train", False),
    ],
)
def test_a_login_is_for_the_images_that_a_kubelet_uses_it_for(
    tmp_path: Path, name: str, image: str, expected: bool
) -> None:
    [login] = logins_in(secret(tmp_path, {name: auth("a", "b")}))
    assert login.is_for(reference(image)) is expected
    assert "'b'" not in repr(login)


@pytest.mark.parametrize("content", ["", "[]", '{"auths": []}', '{"auths": {"a": 1}}', "\x00"])
def test_what_is_no_pull_secret_has_no_login(tmp_path: Path, content: str) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / ".dockerconfigjson").write_text(content)
    assert logins_in(tmp_path) == ()


def test_the_answer_about_as_many_images_as_a_run_can_have_fits() -> None:
    found = {str(at): DIGEST for at in range(32)}
    assert len(ResolvedImages(found).fitting().encode()) <= MAX_MESSAGE_BYTES
    problems = tuple(Unresolved(at, "ImagePullDenied", 'a "word" \u00e9 ' * 90) for at in range(32))
    message = ResolvedImages({}, problems).fitting()
    assert ResolvedImages.decode(message.encode()) == message
