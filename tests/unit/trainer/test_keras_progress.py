"""A real Keras training tells how far it is, and what it went on from after it was killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import comal_trainer

PROGRAM = """
import os, sys
import keras, numpy
from comal_trainer.heartbeat import Heartbeat
from comal_trainer.keras_progress import progress_callback

class Killed(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == int(sys.argv[1]):
            heartbeat.send()
            os._exit(137)

rows = numpy.random.default_rng(1).random((64, 4))
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("sgd", "mse", metrics=["mae"])
backup = keras.callbacks.BackupAndRestore("backup")
with Heartbeat(step="train", url="") as heartbeat:
    told = progress_callback(heartbeat, every=0.0)
    model.fit(rows, rows.sum(1), epochs=4, batch_size=16, verbose=0,
              callbacks=[told, backup, Killed()])
"""


def train(folder: Path, killed_in: int) -> tuple[int, dict[str, Any]]:
    """Return exit code and newest report of a training that is killed as that epoch starts."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(killed_in)],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(comal_trainer.__file__).parents[1]),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    file = folder / ".comal/progress/train.json"
    assert file.exists(), ended.stderr[-2000:]
    said: dict[str, Any] = json.loads(file.read_text())
    return ended.returncode, said


def test_a_training_goes_on_counting_after_it_was_killed(tmp_path: Path) -> None:
    code, said = train(tmp_path, killed_in=2)
    assert code == 137
    assert (said["percent"], said["epoch"], said["step"]) == (50, "3/4", 8)
    assert "resumedFrom" not in said
    assert said["metrics"].keys() == {"loss", "mae"}

    code, said = train(tmp_path, killed_in=99)
    assert code == 0
    assert (said["percent"], said["epoch"], said["step"]) == (100, "4/4", 16)
    assert said["resumedFrom"] == "step 8"

    series = (tmp_path / ".comal/metrics/train.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in series] == ["1/4", "2/4", "3/4", "4/4"]
    assert [json.loads(line)["step"] for line in series] == [4, 8, 12, 16]
