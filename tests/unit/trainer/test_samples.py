"""The samples as they stand: every step is a command, every parameter one that a step reads."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from comal_trainer.command_line import parser
from comal_trainer.contract.progress import Report
from comal_trainer.metrics import read_metrics

SAMPLES = Path(__file__).resolve().parents[3] / "manifests" / "samples"


def runs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(SAMPLES.rglob("*.yaml")):
        for manifest in yaml.safe_load_all(path.read_text()):
            if manifest.get("kind") == "TrainingRun":
                yield path.relative_to(SAMPLES).as_posix(), manifest


RUNS = dict(runs())
PIPELINES = ("compliance", "diabetes", "dogbreeds", "tacosandburritos", "taxi")


@pytest.mark.parametrize("name", RUNS)
def test_every_step_is_a_command_and_reads_its_parameters(name: str) -> None:
    spec = RUNS[name]["spec"]
    known: set[str] = set()
    for step in spec["steps"]:
        if "command" not in step:
            known |= vars(parser().parse_args(step["args"])).keys()
    unread = set(spec.get("parameters", {})) - known
    assert not unread


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_every_pipeline_has_a_sample_a_small_one_and_the_gate_asks_for_its_metric(
    pipeline: str,
) -> None:
    mine = [name for name in RUNS if name.startswith(f"{pipeline}/")]
    assert mine
    # Diabetes takes seconds as it is.
    assert pipeline == "diabetes" or any("/ci/" in name for name in mine)
    names = [RUNS[name]["metadata"]["name"] for name in RUNS]
    assert len(set(names)) == len(names)


def test_the_step_in_shell_measures_what_the_textbook_does(tmp_path: Path) -> None:
    """Weight by height of fifteen women: slope 3.45, as R's lm gives it."""
    [step] = RUNS["diabetes/any-language.yaml"]["spec"]["steps"]
    subprocess.run([*step["command"], *step["args"]], cwd=tmp_path, check=True)
    assert (tmp_path / "model.txt").read_text() == "weight = -87.5167 + 3.4500 * height\n"
    assert read_metrics(tmp_path / "metrics.json") == {"mse": "2.015556", "rows": "15"}
    for output in step["outputs"]:
        assert (tmp_path / output).is_file()
    # What the container beside it reads.
    assert step["progress"] == {"from": "File"}
    assert Report.decode((tmp_path / ".comal/progress/fit.json").read_bytes()).percent == 100
