from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from comal_trainer import heartbeat as client
from comal_trainer.contract import MAX_METRICS
from comal_trainer.contract import progress as contract
from comal_trainer.contract.progress import Report
from comal_trainer.heartbeat import Heartbeat, main


class Replica(ThreadingHTTPServer):
    """One operator: keeps what it is posted, and answers `status`."""

    daemon_threads = True

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((address, port), _Handler)
        self.heard: list[tuple[str, str, bytes]] = []
        self.came = threading.Condition()
        self.status, self.sentence = 204, b""

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_port}/v1/progress"

    def reports(self) -> list[Report]:
        return [Report.decode(body) for _, _, body in self.heard]

    def wait_for(self, count: int) -> None:
        with self.came:
            assert self.came.wait_for(lambda: len(self.heard) >= count, timeout=60)


class _Handler(BaseHTTPRequestHandler):
    server: Replica

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.came:
            self.server.heard.append((self.path, self.headers["Authorization"], body))
            self.server.came.notify_all()
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.sentence)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def replica() -> Iterator[Replica]:
    with Replica() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("first\n")
    return file


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_copied_constants_are_those_of_the_contract() -> None:
    assert client.URL_ENV == contract.PROGRESS_URL_ENV
    assert client.TOKEN_FILE == contract.PROGRESS_TOKEN_FILE
    assert client.PROGRESS_DIR == contract.PROGRESS_DIR
    assert client.SERIES_DIR == contract.SERIES_DIR
    assert client.MAX_METRICS == MAX_METRICS


def test_the_file_imports_nothing_but_the_standard_library() -> None:
    program = (
        "import sys; sys.path[:] = [p for p in sys.path if 'site-packages' not in p];"
        f"import runpy; runpy.run_path({client.__file__!r})"
    )
    subprocess.run([sys.executable, "-S", "-c", program], check=True, cwd="/")


def test_a_report_is_posted_with_the_token_of_that_moment(
    replica: Replica, token: Path, tmp_path: Path
) -> None:
    heart = Heartbeat(workspace=tmp_path, step="train", url=replica.url, token_file=token)
    heart.report(percent=45, eta_seconds=12.7, epoch="9/20", step=8200, metrics={"loss": 0.4})
    heart.send()
    token.write_text("second\n")
    heart.report(percent=50, resumed_from="step 8000", message="two\nlines")
    heart.send()

    assert [(path, bearer) for path, bearer, _ in replica.heard] == [
        ("/v1/progress", "Bearer first"),
        ("/v1/progress", "Bearer second"),
    ]
    last = replica.reports()[-1]
    assert (last.percent, last.eta_seconds, last.epoch, last.step) == (50, 12, "9/20", 8200)
    assert (last.metrics, last.resumed_from) == ({"loss": "0.4"}, "step 8000")
    assert last.message == "two lines"


def test_every_replica_behind_the_name_hears_it(
    replica: Replica, token: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Replica("127.0.0.2", replica.server_port) as other:
        thread = threading.Thread(target=other.serve_forever, args=(0.01,))
        thread.start()
        # What a headless Service's name resolves to; the second replica is gone.
        found = [(2, 1, 6, "", (f"127.0.0.{n}", replica.server_port)) for n in (1, 3, 2)]
        ask = socket.getaddrinfo

        def resolve(host: str, *rest: Any, **more: Any) -> Any:
            return found if host.endswith(".svc") else ask(host, *rest, **more)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        url = f"http://comal-operator-progress.system.svc:{replica.server_port}/v1/progress"
        Heartbeat(workspace=tmp_path, url=url, token_file=token).send()
        other.shutdown()
        thread.join()
    assert len(replica.heard) == len(other.heard) == 1


def test_a_repeated_report_says_how_old_it_is(
    replica: Replica, token: Path, tmp_path: Path
) -> None:
    with Heartbeat(workspace=tmp_path, url=replica.url, token_file=token, every=0.2) as heart:
        heart.report(percent=10)
        # The training hangs from here on.
        replica.wait_for(5)
    ages = [report.age_seconds for report in replica.reports() if report.percent == 10]
    assert ages == sorted(ages)
    assert ages[-1] > ages[0]


def test_the_last_report_is_told_when_the_block_ends(
    replica: Replica, token: Path, tmp_path: Path
) -> None:
    with Heartbeat(workspace=tmp_path, url=replica.url, token_file=token, every=3600) as heart:
        replica.wait_for(1)
        heart.report(percent=100)
    assert replica.reports()[-1].percent == 100


def test_without_a_cluster_there_are_the_files(tmp_path: Path) -> None:
    heart = Heartbeat(workspace=tmp_path, step="train", url="")
    heart.report(epoch=1, step=10, metrics={"loss": 0.5})
    heart.report(epoch=2, step=20, metrics={"loss": float("nan"), "auc": 0.9})
    heart.send()

    newest = json.loads((tmp_path / ".comal/progress/train.json").read_text())
    assert newest.pop("pod")
    assert newest.pop("time").endswith("Z")
    assert Report.decode(json.dumps(newest)).metrics == {"auc": "0.9", "loss": "NaN"}
    first, second = lines(tmp_path / ".comal/metrics/train.jsonl")
    assert (first["step"], first["epoch"], first["metrics"]) == (10, "1", {"loss": 0.5})
    assert (second["step"], second["metrics"]["auc"]) == (20, 0.9)
    assert [p.name for p in (tmp_path / ".comal/progress").iterdir()] == ["train.json"]


def test_the_series_goes_on_after_a_half_written_line(tmp_path: Path) -> None:
    series = tmp_path / ".comal/metrics/train.jsonl"
    series.parent.mkdir(parents=True)
    series.write_text('{"metrics": {"loss": 1}}\n{"metr')
    heart = Heartbeat(workspace=tmp_path, step="train", url="")
    heart.report(metrics={"loss": 0.5})
    heart.send()
    assert json.loads(series.read_text().splitlines()[-1])["metrics"] == {"loss": 0.5}


def test_only_the_first_worker_writes_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "1")
    heart = Heartbeat(workspace=tmp_path, url="")
    heart.report(metrics={"loss": 0.5})
    heart.send()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "told",
    [
        {"percent": "a lot"},
        {"percent": float("nan")},
        {"eta_seconds": [1]},
        {"step": 10**400},
        {"epoch": "9 of 20"},
        {"metrics": {"loss": "low"}},
        {"metrics": {"a b": 1.0}},
        {"metrics": ["loss"]},
    ],
)
def test_a_value_that_is_none_is_said_once_and_left_out(
    told: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heart = Heartbeat(workspace=tmp_path, url="")
    heart.report(**told)
    heart.report(**told, message="goes on")
    heart.send()
    assert capsys.readouterr().err.count("heartbeat: ") == 1
    said = json.loads(heart.file.read_text())
    assert said.keys() == {"message", "time", "pod"}


def test_numbers_out_of_bounds_are_brought_into_them(tmp_path: Path) -> None:
    heart = Heartbeat(workspace=tmp_path, url="")
    heart.report(percent=100.00001, eta_seconds=-3)
    heart.send()
    said = json.loads(heart.file.read_text())
    assert (said["percent"], said["etaSeconds"]) == (100.0, 0)


@pytest.mark.parametrize("broken", ["no token", "no replica", "no name", "a wrong address"])
def test_nothing_that_is_broken_stops_the_training(
    broken: str,
    replica: Replica,
    token: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = {
        "no token": replica.url,
        "no replica": "http://127.0.0.1:1/v1/progress",
        "no name": "http://comal-operator-progress.invalid:8090/v1/progress",
        "a wrong address": "http://[half:8090",
    }[broken]
    file = token if broken != "no token" else tmp_path / "missing"
    (tmp_path / ".comal").write_text("where a folder should be")
    with Heartbeat(workspace=tmp_path, url=url, token_file=file, every=0.01) as heart:
        heart.report(percent=1, metrics={"loss": 1})
    said = capsys.readouterr().err
    assert "cannot post to" in said
    assert "cannot write" in said


def test_a_refusal_is_said_once_with_the_operators_sentence(
    replica: Replica, token: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replica.status, replica.sentence = 403, b"the Pod is no step of a TrainingRun"
    heart = Heartbeat(workspace=tmp_path, url=replica.url, token_file=token)
    heart.send()
    heart.send()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "the Pod is no step of a TrainingRun" in said


def run_shell(folder: Path, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, client.__file__, *flags],
        env={"PATH": os.environ["PATH"], "COMAL_WORKSPACE": str(folder), **env},
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )


def test_a_shell_step_reports_piece_by_piece(tmp_path: Path) -> None:
    env = {"COMAL_STEP": "prepare", "HOSTNAME": "run-prepare-x1"}
    run_shell(tmp_path, "--percent", "40", "--metric", "loss=0.4", **env)
    ended = run_shell(tmp_path, "--metric", "rows=120", "--metric", "broken=", **env)
    assert ended.returncode == 0
    assert "broken" in ended.stderr
    said = json.loads((tmp_path / ".comal/progress/prepare.json").read_text())
    assert (said["percent"], said["metrics"]) == (40, {"loss": 0.4, "rows": 120})
    # The next attempt is another Pod, and knows nothing of this one's percent.
    run_shell(tmp_path, "--metric", "loss=0.9", **{**env, "HOSTNAME": "run-prepare-x2"})
    said = json.loads((tmp_path / ".comal/progress/prepare.json").read_text())
    assert "percent" not in said
    assert len(lines(tmp_path / ".comal/metrics/prepare.jsonl")) == 3


def test_an_unknown_flag_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--precent", "40"])
    assert ended.value.code == 64
    assert "--precent" in capsys.readouterr().err
