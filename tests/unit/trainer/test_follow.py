"""What is posted for a step that only writes files: the news in them, and nothing before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from comal_trainer.command_line import run
from comal_trainer.contract.progress import MAX_REPORT_BYTES, Report
from comal_trainer.follow import Follower, follow
from comal_trainer.heartbeat import Heartbeat
from unit.trainer.processes import environment_of
from unit.trainer.test_heartbeat import Replica

LATER = 10**18


@pytest.fixture
def replica() -> Iterator[Replica]:
    with Replica() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def heart(replica: Replica, tmp_path: Path) -> Heartbeat:
    token = tmp_path / "token"
    token.write_text("mine")
    made = Heartbeat(
        workspace=tmp_path, step="fit", url=replica.url, token_file=token, writes=False
    )
    made.file.parent.mkdir(parents=True)
    made.series.parent.mkdir(parents=True)
    return made


def said(heart: Heartbeat, replica: Replica) -> Report:
    heart.send()
    return replica.reports()[-1]


def a_line(**more: Any) -> str:
    return json.dumps({"time": "2026-11-21T12:00:00Z", **more}) + "\n"


def test_a_report_is_repeated_as_the_step_wrote_it(heart: Heartbeat, replica: Replica) -> None:
    follower = Follower(heart)
    assert not follower.look()
    heart.file.write_text(
        json.dumps(
            {
                "percent": 45,
                "etaSeconds": 1900,
                "epoch": "9/20",
                "step": 8200,
                "metrics": {"loss": 0.41},
                "resumedFrom": "step 8000",
                "message": "fine-tuning",
                "time": "2026-11-21T12:00:00Z",
                "pod": "p",
            }
        )
    )
    assert follower.look()
    # The same file is no news.
    assert not follower.look()
    report = said(heart, replica)
    assert (report.percent, report.eta_seconds, report.epoch) == (45, 1900, "9/20")
    assert (report.step, report.metrics) == (8200, {"loss": "0.41"})
    assert (report.resumed_from, report.message) == ("step 8000", "fine-tuning")


def test_what_an_earlier_attempt_left_is_not_told(heart: Heartbeat, replica: Replica) -> None:
    heart.file.write_text('{"percent": 90}')
    heart.series.write_text(a_line(metrics={"loss": 1}))
    follower = Follower(heart)
    assert not follower.look()
    with heart.series.open("a") as file:
        file.write(a_line(metrics={"loss": 2}, step=7))
    assert follower.look()
    report = said(heart, replica)
    assert (report.percent, report.metrics, report.step) == (None, {"loss": "2"}, 7)


def test_a_file_that_is_written_again_is_a_sign_of_life(heart: Heartbeat) -> None:
    heart.file.write_text('{"percent": 90}')
    follower = Follower(heart)
    os.utime(heart.file, ns=(LATER, LATER))
    assert follower.look()


def test_only_whole_lines_of_the_series_count(heart: Heartbeat, replica: Replica) -> None:
    follower = Follower(heart)
    line = a_line(metrics={"loss": 3}, epoch="1/2")
    with heart.series.open("a") as file:
        file.write(a_line(metrics={"auc": 0.5}) + "rubbish\n" + line[:20])
        file.flush()
        assert follower.look()
        assert said(heart, replica).metrics == {"auc": "0.5"}
        assert not follower.look()
        file.write(line[20:])
    assert follower.look()
    report = said(heart, replica)
    assert (report.metrics, report.epoch) == ({"auc": "0.5", "loss": "3"}, "1/2")


def test_a_series_that_is_begun_anew_is_read_from_its_start(
    heart: Heartbeat, replica: Replica
) -> None:
    heart.series.write_text(a_line(metrics={"loss": 1}) * 5)
    follower = Follower(heart)
    heart.series.write_text(a_line(metrics={"loss": 2}))
    assert follower.look()
    assert said(heart, replica).metrics == {"loss": "2"}


@pytest.mark.parametrize(
    "content", ["", "[1]", '{"percent": 4', "{" * 5000, " " * (MAX_REPORT_BYTES + 1)]
)
def test_what_is_no_report_is_said_once_and_read_again(
    content: str, heart: Heartbeat, replica: Replica, capsys: pytest.CaptureFixture[str]
) -> None:
    follower = Follower(heart)
    heart.file.write_text(content)
    assert not follower.look()
    assert not follower.look()
    assert capsys.readouterr().err.count("holds no report; the step goes on") == 1
    heart.file.write_text('{"percent": 40}')
    assert follower.look()
    assert said(heart, replica).percent == 40


def test_a_link_out_of_the_workspace_is_not_followed(heart: Heartbeat, tmp_path: Path) -> None:
    follower = Follower(heart)
    (tmp_path / "other.json").write_text('{"percent": 40}')
    heart.file.symlink_to(tmp_path / "other.json")
    assert not follower.look()


@contextmanager
def following(heart: Heartbeat) -> Iterator[None]:
    ended = threading.Event()
    follower = Follower(heart)
    thread = threading.Thread(target=follow, args=(follower, ended), kwargs={"every": 0.02})
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_it_posts_nothing_until_the_step_writes_and_the_last_words_too(
    heart: Heartbeat, replica: Replica
) -> None:
    with following(heart):
        heart.file.write_text('{"percent": 10}')
        replica.wait_for(1)
        assert replica.reports()[0].percent == 10
        # Written in the moment in which the step ends.
        partial = heart.file.with_suffix(".partial")
        partial.write_text('{"percent": 100}')
        partial.replace(heart.file)
    assert replica.reports()[-1].percent == 100


def test_a_step_that_writes_nothing_is_never_heard_of(heart: Heartbeat, replica: Replica) -> None:
    with following(heart):
        pass
    assert replica.heard == []


@pytest.mark.parametrize("index", ["0", "1"])
def test_it_ends_well_when_it_is_asked_to_whoever_does_not_answer(
    index: str, tmp_path: Path
) -> None:
    file = tmp_path / ".comal/progress/fit.json"
    file.parent.mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "comal_trainer", "follow"],
        env={
            **environment_of(tmp_path, COMAL_STEP="fit", JOB_COMPLETION_INDEX=index),
            "COMAL_PROGRESS_URL": "http://127.0.0.1:1/v1/progress",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("follow: ")
    file.write_text('{"percent": 40}')
    process.send_signal(signal.SIGTERM)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 0
    # The first worker's last words could not be told.
    assert ("cannot post" in complaints) == (index == "0")


def test_it_starts_where_no_file_may_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    with pytest.raises(SystemExit) as ended:
        run(["--help"], {})
    assert ended.value.code == 0
