"""Training that is killed, and training by two workers: real processes, against one whole run.

The heartbeat's file and the log say where an attempt went on from; equal weights prove it.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from comal_trainer.keras_training.gang import Gang
from unit.trainer.processes import start_trainer, succeed

pytestmark = pytest.mark.timeout(900)

PREPARE = ("compliance", "prepare", "--rows", "4200", "--train_rows", "4000")
TRAIN = ("compliance", "train", "--words", "200", "--epochs", "4", "--lr", "0.002")
STEPS = 4 * 125


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = tmp_path_factory.mktemp("prepared") / "w"
    succeed(workspace, *PREPARE, "--validation_rows", "100")
    return workspace


@pytest.fixture(scope="module")
def whole(prepared: Path) -> list[dict[str, float]]:
    """The epochs of a run that nobody disturbed."""
    succeed(prepared, *TRAIN)
    return epochs(prepared)


@pytest.fixture
def workspace(prepared: Path, tmp_path: Path) -> Path:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "prepared").symlink_to(prepared / "prepared")
    return tmp_path / "w"


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def epochs(workspace: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (workspace / "metrics.jsonl").read_text().splitlines()]


def steps_in(log: Path) -> list[int]:
    return [int(found) for found in re.findall(r"\(step (\d+)\)", log.read_text())]


def wait_for_step(process: subprocess.Popen[bytes], log: Path, least: int) -> None:
    """Wait until the log has a step of at least `least`; the process must still run then."""
    while process.poll() is None:
        if any(step >= least for step in steps_in(log)):
            return
        time.sleep(0.02)
    raise AssertionError(f"ended with {process.returncode}: {log.read_text()[-2000:]}")


def resumed_from(log: Path) -> list[int]:
    return [int(found) for found in re.findall(r"resumed from step (\d+)", log.read_text())]


def close(found: list[dict[str, float]], expected: list[dict[str, float]]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=0.02, abs=0.01)


def test_a_training_killed_twice_in_an_epoch_ends_as_if_it_had_not_been(
    workspace: Path,
    whole: list[dict[str, float]],
    started: list[subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    kept = {"COMAL_CHECKPOINT_DIR": "checkpoints/train", "COMAL_PARAM_CHECKPOINT_STEPS": "10"}
    logs = [tmp_path / f"attempt-{number}.log" for number in (1, 2, 3)]

    first = start_trainer(workspace, *TRAIN, log=logs[0], **kept)
    started.append(first)
    wait_for_step(first, logs[0], 20)
    first.send_signal(signal.SIGKILL)
    first.wait()

    second = start_trainer(workspace, *TRAIN, log=logs[1], **kept)
    started.append(second)
    wait_for_step(second, logs[1], max(steps_in(logs[0])) + 20)
    second.send_signal(signal.SIGTERM)
    assert second.wait() == 143
    told = logs[1].read_text()
    saved = int(re.findall(r"SIGTERM: checkpoint at step (\d+)", told)[0])

    third = start_trainer(workspace, *TRAIN, log=logs[2], **kept)
    started.append(third)
    assert third.wait() == 0, logs[2].read_text()

    [after_kill], [after_term] = resumed_from(logs[1]), resumed_from(logs[2])
    # SIGKILL costs what came after the last checkpoint, SIGTERM nothing.
    assert 10 <= after_kill <= max(steps_in(logs[0])) + 90
    assert after_kill % 10 == 0
    assert after_term == saved > after_kill
    assert min(steps_in(logs[2])) == saved + 1
    assert max(steps_in(logs[2])) == STEPS
    report = json.loads((workspace / ".comal" / "progress" / "step.json").read_text())
    assert report["resumedFrom"] == f"step {saved}"
    assert report["step"] == STEPS
    close(epochs(workspace), whole)


def test_a_checkpoint_of_another_run_or_a_broken_one_is_not_used(
    workspace: Path, started: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    kept = {"COMAL_CHECKPOINT_DIR": "checkpoints/train", "COMAL_PARAM_CHECKPOINT_STEPS": "10"}
    short = (*TRAIN[:4], "--epochs", "1")
    succeed(workspace, *short, **kept)
    assert "resumed from step 125" in succeed(workspace, *short, **kept)
    told = succeed(workspace, *short, COMAL_RUN_UID="another", **kept)
    assert "of another run, other data or other parameters; starting anew" in told
    assert "resumed" not in told
    checkpoint = workspace / "checkpoints" / "train" / "checkpoint.npz"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert "starting anew" in succeed(workspace, *short, COMAL_RUN_UID="another", **kept)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def gang(
    workspace: Path, folder: Path, started: list[subprocess.Popen[bytes]], **more: str
) -> list[tuple[subprocess.Popen[bytes], Path]]:
    """Start two workers of one training; each with its log."""
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    found = []
    for index in (0, 1):
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        log = folder / f"worker-{index}-{len(started)}.log"
        config: dict[str, Any] = {"TF_CONFIG": json.dumps(task), "JOB_COMPLETION_INDEX": str(index)}
        process = start_trainer(workspace, *TRAIN, log=log, **config, **more)
        started.append(process)
        found.append((process, log))
    return found


def test_two_workers_learn_what_one_learns_and_the_first_writes_the_model(
    workspace: Path,
    whole: list[dict[str, float]],
    started: list[subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    (first, first_log), (second, second_log) = gang(workspace, tmp_path, started)
    assert (first.wait(), second.wait()) == (0, 0), first_log.read_text() + second_log.read_text()
    assert "model written" in first_log.read_text()
    assert "worker 1 of 2 is done" in second_log.read_text()
    assert "model written" not in second_log.read_text()
    close(epochs(workspace), whole)
    assert '"proved":true' in succeed(workspace, "convert")


def test_when_a_worker_is_lost_the_other_ends_and_the_next_gang_goes_on(
    workspace: Path,
    whole: list[dict[str, float]],
    started: list[subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    kept = {"COMAL_CHECKPOINT_DIR": "checkpoints/train", "COMAL_PARAM_CHECKPOINT_STEPS": "10"}
    (first, first_log), (second, _) = gang(workspace, tmp_path, started, **kept)
    wait_for_step(first, first_log, 20)
    second.send_signal(signal.SIGKILL)
    assert first.wait() != 0
    seen = max(steps_in(first_log))

    (first, first_log), (second, second_log) = gang(workspace, tmp_path, started, **kept)
    assert (first.wait(), second.wait()) == (0, 0), first_log.read_text() + second_log.read_text()
    [start] = resumed_from(first_log)
    assert 10 <= start <= seen + 90
    assert min(steps_in(first_log)) == start + 1
    assert max(steps_in(first_log)) == STEPS
    close(epochs(workspace), whole)


@pytest.mark.parametrize(
    "config",
    ["{", "[]", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 4}}'],
)
def test_a_malformed_tf_config_is_told(workspace: Path, tmp_path: Path, config: str) -> None:
    log = tmp_path / "log"
    assert start_trainer(workspace, *TRAIN, log=log, TF_CONFIG=config).wait() == 64
    assert "TF_CONFIG" in log.read_text()


def test_workers_divide_every_batch_among_them() -> None:
    batch = np.arange(7)
    shares = [Gang(rank, 3).share(batch) for rank in range(3)]
    assert sorted(np.concatenate(shares)) == batch.tolist()
