"""What TensorBoard itself reads from the event files of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

# It publishes no types.
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)
from tensorboard.util.tensor_util import make_ndarray  # type: ignore[import-untyped]

Curves = dict[str, dict[int, float]]
"""By folder and tag (train/epoch_loss), the value of each epoch."""

_VALIDATION = "val_"


def curves_of(run: Path) -> Curves:
    """Return all scalars under the folder of a run; a step that is told twice is a fault."""
    found: Curves = {}
    for folder in sorted(one for one in run.iterdir() if one.is_dir()):
        # 0 is all of them; by default some are left out of long ones.
        reader = EventAccumulator(str(folder), size_guidance={"tensors": 0})
        reader.Reload()
        for tag in reader.Tags()["tensors"]:
            told = [
                (one.step, float(make_ndarray(one.tensor_proto))) for one in reader.Tensors(tag)
            ]
            assert len(dict(told)) == len(told), f"{folder.name}/{tag} repeats a step: {told}"
            found[f"{folder.name}/{tag}"] = dict(told)
    return found


def curves_in(series: Path) -> Curves:
    """Return what a metrics.jsonl has, under the names that TensorBoard is to show."""
    found: Curves = {}
    for line in series.read_text().splitlines():
        epoch = json.loads(line)
        for name, value in epoch.items():
            folder = "validation" if name.startswith(_VALIDATION) else "train"
            tag = f"{folder}/epoch_{name.removeprefix(_VALIDATION)}"
            if name != "epoch":
                found.setdefault(tag, {})[epoch["epoch"]] = value
    return found


def check_that_tensorboard_shows_the_series(workspace: Path) -> None:
    """Compare the run's event files with its metrics.jsonl: the same curves, epoch by epoch."""
    shown = curves_of(workspace / "tensorboard" / "run")
    expected = curves_in(workspace / "metrics.jsonl")
    assert {"train/epoch_loss", "validation/epoch_loss"} <= set(expected)
    assert set(shown) == set(expected)
    for tag, values in expected.items():
        # An event holds 32 bits of a number.
        assert shown[tag] == pytest.approx(values, rel=1e-5), tag
