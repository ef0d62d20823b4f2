"""The page's words are the code's, and its shell step is run as it stands."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from comal_trainer import contract
from comal_trainer.collect import collect
from comal_trainer.convert import convert
from comal_trainer.settings import Settings
from unit.trainer.test_convert import linear_onnx

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "step-contract.md").read_text()


@pytest.mark.parametrize(
    "word",
    [value for name, value in vars(contract).items() if name.endswith("_ENV")]
    + [str(reason) for reason in contract.Reason]
    + [contract.PARAMETERS_FILE, contract.SERVING_FILE, contract.MODEL_FILE],
)
def test_the_page_names_everything(word: str) -> None:
    # Set by tests only.
    assert word in PAGE or word == contract.TERMINATION_LOG_ENV


def test_the_shell_step_of_the_page_makes_a_model(settings: Settings, tmp_path: Path) -> None:
    [script] = re.findall(r"```sh\n(#!/bin/sh.*?)```", PAGE, re.DOTALL)
    linear_onnx(tmp_path / "linear.onnx")
    settings.workspace.mkdir()
    environment = {
        "PATH": "/usr/bin:/bin",
        "COMAL_RUN": "run",
        "COMAL_MODEL_DIR": str(settings.model_dir),
        "COMAL_METRICS_FILE": str(settings.metrics_file),
    }
    here = script.replace("/opt/models", str(tmp_path))
    subprocess.run(["sh", "-c", here], check=True, env=environment)
    assert collect(settings.metrics_file).metrics == {"rows": "2", "threshold": "0.5"}
    answer = convert(settings)
    assert answer.error is None
    assert answer.parity is not None
    assert answer.parity.proved

    environment["COMAL_PARAM_THRESHOLD"] = "half"
    assert subprocess.run(["sh", "-c", here], check=False, env=environment).returncode == 64
