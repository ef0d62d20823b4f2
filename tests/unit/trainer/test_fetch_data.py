"""Data comes over real connections and from real folders, once, checked and counted."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from comal_trainer.contract.data import (
    FetchedData,
    Source,
    fetch_data_arguments,
    read_sources,
)
from comal_trainer.fetch_data import fetch_data

CSV = b"id,cost\n1,2.5\n2,3.5\n3,4\n"


@dataclass
class Web:
    """A server that answers as told and counts who asks."""

    url: str = ""
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    cut_short: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, web: Web, *rest: object) -> None:
        self.web = web
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.web.asked.append(path)
        if path.startswith("/round/"):
            self.send_response(302)
            self.send_header("Location", f"/round/{len(self.web.asked)}")
            self.end_headers()
            return
        status, body = self.web.answers.get(path, (404, b""))
        self.send_response(status)
        self.send_header(
            "Content-Length", str(len(body) * (2 if path in self.web.cut_short else 1))
        )
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    told = Web()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, told))
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(workspace: Path, uri: str, sha256: str = "", claims: Path | None = None) -> FetchedData:
    answer = fetch_data(workspace, [Source("train", uri, sha256)], claims or workspace)
    assert FetchedData.decode(answer.encode()) == answer
    return answer


def reason(answer: FetchedData) -> str:
    assert answer.error is not None
    return answer.error.reason


def test_a_table_is_fetched_once_checked_and_counted(web: Web, tmp_path: Path) -> None:
    web.answers["/a/train%20set.csv"] = (200, CSV)
    digest = hashlib.sha256(CSV).hexdigest()
    uri = f"{web.url}/a/train%20set.csv?sig=abc"
    for _ in range(2):
        [found] = fetch(tmp_path, uri, digest).data
        assert (found.digest, found.size, found.rows) == (f"sha256:{digest}", len(CSV), 3)
    assert (tmp_path / "data/train/train-set.csv").read_bytes() == CSV
    assert len(web.asked) == 1


def test_what_was_changed_since_is_fetched_again(web: Web, tmp_path: Path) -> None:
    web.answers["/train.csv"] = (200, CSV)
    fetch(tmp_path, f"{web.url}/train.csv")
    (tmp_path / "data/train/train.csv").write_bytes(b"x")
    [found] = fetch(tmp_path, f"{web.url}/train.csv").data
    assert found.rows == 3
    assert len(web.asked) == 2


def test_another_digest_is_refused_and_nothing_is_left(web: Web, tmp_path: Path) -> None:
    web.answers["/train.csv"] = (200, CSV)
    answer = fetch(tmp_path, f"{web.url}/train.csv?key=secret", "0" * 64)
    assert reason(answer) == "DataDigestMismatch"
    assert answer.error is not None
    assert "0" * 64 in answer.error.message
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.parametrize("path", ["/missing.csv", "/round/0", "/broken.csv", "/half.csv"])
def test_what_cannot_be_had_is_asked_for_a_few_times(web: Web, tmp_path: Path, path: str) -> None:
    web.answers |= {"/broken.csv": (500, b""), "/half.csv": (200, CSV)}
    web.cut_short.add("/half.csv")
    answer = fetch(tmp_path, f"{web.url}{path}?sig=secret")
    assert reason(answer) == "DataUnavailable"
    assert answer.error is not None
    assert "secret" not in answer.error.message
    assert len(web.asked) >= 4


def test_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    assert reason(fetch(tmp_path, "http://127.0.0.1:9/x.csv")) == "DataUnavailable"


def test_more_than_the_workspace_holds_is_not_even_begun(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.answers["/train.csv"] = (200, CSV)
    monkeypatch.setattr("comal_trainer.fetch_data._SPARE_BYTES", 2**62)
    answer = fetch(tmp_path, f"{web.url}/train.csv")
    assert reason(answer) == "DataTooLarge"
    assert len(web.asked) == 1


def test_a_folder_on_a_claim_is_copied(tmp_path: Path) -> None:
    claim = tmp_path / "claims/train/2026"
    (claim / "b").mkdir(parents=True)
    (claim / "b/two.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n')
    (claim / "one.csv").write_bytes(CSV)
    [found] = fetch(tmp_path / "w", "pvc://disk/2026", claims=tmp_path / "claims").data
    assert found.rows == 5
    assert (tmp_path / "w/data/train/b/two.jsonl").exists()
    two = hashlib.sha256((claim / "b/two.jsonl").read_bytes()).hexdigest()
    listed = f"{two}  b/two.jsonl\n{hashlib.sha256(CSV).hexdigest()}  one.csv\n"
    assert found.digest == f"sha256:{hashlib.sha256(listed.encode()).hexdigest()}"


def test_a_file_on_a_claim_has_its_own_digest(tmp_path: Path) -> None:
    (tmp_path / "claims/train").mkdir(parents=True)
    (tmp_path / "claims/train/one.csv").write_bytes(CSV)
    [found] = fetch(tmp_path / "w", "pvc://disk/one.csv", claims=tmp_path / "claims").data
    assert found.digest == f"sha256:{hashlib.sha256(CSV).hexdigest()}"


@pytest.mark.parametrize("path", ["nowhere", "../other", "linked", "empty"])
def test_a_path_on_a_claim_that_is_wrong(tmp_path: Path, path: str) -> None:
    claim = tmp_path / "claims/train"
    (claim / "linked").mkdir(parents=True)
    (claim / "empty").mkdir()
    (claim / "linked/passwd").symlink_to("/etc/passwd")
    answer = fetch(tmp_path / "w", f"pvc://disk/{path}", claims=tmp_path / "claims")
    assert reason(answer) == "DataInvalid"


def test_a_download_that_was_cut_by_a_kill_is_not_believed(web: Web, tmp_path: Path) -> None:
    web.answers["/train.csv"] = (200, CSV)
    (tmp_path / "data/.train.partial").mkdir(parents=True)
    (tmp_path / "data/.train.partial/other.csv").write_bytes(b"half")
    (tmp_path / "data/train").mkdir()
    (tmp_path / "data/train/train.csv").write_bytes(b"half")
    [found] = fetch(tmp_path, f"{web.url}/train.csv").data
    assert found.rows == 3
    assert [file.name for file in (tmp_path / "data/train").iterdir()] == ["train.csv"]


def test_the_arguments_are_read_as_they_were_written() -> None:
    sources = (Source("train", "https://x/y.csv?a=b", "0" * 64), Source("b", "pvc://disk/$(HOME)"))
    command, flag = fetch_data_arguments(sources)
    assert command == "fetch-data"
    text = flag.removeprefix("--sources=").replace("$$(", "$(")
    assert read_sources(text) == sources
