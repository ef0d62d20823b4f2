"""Ten classes of pictures: what is told while it trains, and which epoch's weights are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from unit.trainer.processes import succeed
from unit.trainer.tensorboard_reader import check_that_tensorboard_shows_the_series

SMALL = ("--image_size", "32")


def series(workspace: Path) -> list[dict[str, Any]]:
    """What the heartbeat wrote down, epoch by epoch, while the step ran."""
    lines = (workspace / ".comal" / "metrics" / "train.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.timeout(600)
def test_every_epoch_is_told_and_the_best_one_is_kept(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    told = succeed(workspace, "dogbreeds", "prepare", "--images", "30", *SMALL)
    assert "no dogs" in told
    # A learning rate that spoils in later epochs what an earlier one had learned.
    options = ("--base", "small", "--num_epochs", "6", "--batch", "10", "--lr", "0.04")
    succeed(workspace, "dogbreeds", "train", *options, *SMALL, COMAL_STEP="train")

    lines = series(workspace)
    assert [line["epoch"] for line in lines] == [f"{number}/6" for number in range(1, 7)]
    best = max(line["metrics"]["val_acc"] for line in lines)
    assert lines[-1]["metrics"]["best_val_acc"] == best
    assert json.loads((workspace / ".comal/progress/train.json").read_text())["step"] == 180
    check_that_tensorboard_shows_the_series(workspace)

    succeed(workspace, "dogbreeds", "evaluate")
    accuracy = json.loads((workspace / "metrics.json").read_text())["accuracy"]
    assert accuracy == pytest.approx(best, abs=0.1)
    card = yaml.safe_load((workspace / "model" / "model.yaml").read_text())
    assert card["labels"] == [f"digit_{digit}" for digit in range(10)]
    assert card["contract"] == "base64-image"
    for name in ("learning-curve.png", "confusion-matrix.png"):
        assert (workspace / "artefacts" / name).read_bytes().startswith(b"\x89PNG")

    # A second model, on pictures of another size, is compared with it on the same held-out ones.
    succeed(workspace, "convert")
    (workspace / ".comal" / "package").rename(tmp_path / "registered")
    bigger = ("--base", "small", "--image_size", "40", "--num_epochs", "1", "--batch", "10")
    succeed(workspace, "dogbreeds", "train", *bigger)
    baseline = {"COMAL_BASELINE_DIR": str(tmp_path / "registered")}
    succeed(workspace, "dogbreeds", "evaluate", **baseline)
    again = json.loads((workspace / "baseline-metrics.json").read_text())
    assert again["accuracy"] == pytest.approx(accuracy, abs=0.002)


def test_prepared_pictures_are_not_prepared_again(tmp_path: Path) -> None:
    few = ("dogbreeds", "prepare", "--images", "2", "--validation_images", "1", *SMALL)
    first, second = succeed(tmp_path / "w", *few), succeed(tmp_path / "w", *few)
    assert "train 20, validation 10, test 1767" in first
    assert "already" in second
