"""The sample, and in processes as Jobs run it; figures from the project it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from sklearn.datasets import load_diabetes

from comal_trainer.contract import Collected, Converted
from comal_trainer.pipelines.diabetes.evaluate import evaluate
from comal_trainer.pipelines.diabetes.train import train
from comal_trainer.settings import Settings
from unit.trainer.processes import succeed, trainer


@pytest.mark.parametrize(
    ("alpha", "mse"),
    [(0.0001, 3424.6045), (0.4, 3295.7149), (0.5, 3298.8856), (0.9, 3359.0750)],
)
def test_the_error_is_the_one_of_mlopspython(settings: Settings, alpha: float, mse: float) -> None:
    train(settings, alpha, "bundled")
    metrics = evaluate(settings)
    assert round(metrics["mse"], 4) == mse
    assert 0 < metrics["r2"] < 1
    assert json.loads(settings.metrics_file.read_text()) == metrics
    plot = settings.artefacts_dir / "predictions.png"
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_the_registered_model_is_measured_on_the_same_rows(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    succeed(workspace, "diabetes", "train", "--alpha", "0.4")
    succeed(workspace, "convert")
    (workspace / ".comal" / "package").rename(tmp_path / "registered")
    succeed(workspace, "diabetes", "train", "--alpha", "0.9")
    baseline = {"COMAL_BASELINE_DIR": str(tmp_path / "registered")}
    succeed(workspace, "diabetes", "evaluate", **baseline)
    again = json.loads((workspace / "baseline-metrics.json").read_text())
    assert again["mse"] == pytest.approx(3295.7149, abs=1e-3)
    assert json.loads((workspace / "metrics.json").read_text())["mse"] == pytest.approx(3359.075)

    card = tmp_path / "registered" / "model.yaml"
    card.write_text(card.read_text().replace("- age\n", "- height\n"))
    told = succeed(workspace, "diabetes", "evaluate", **baseline)
    assert "cannot be measured" in told
    assert "height" in told
    assert not (workspace / "baseline-metrics.json").exists()


def test_rows_of_ones_own_go_by_their_columns_names(tmp_path: Path) -> None:
    """The same rows, columns reversed: the same split, the same figure."""
    workspace = tmp_path / "w"
    workspace.mkdir()
    data = load_diabetes()
    rows = np.column_stack([data.data, data.target])[:, ::-1]
    names = [*data.feature_names, "Y"][::-1]
    lines = [",".join(names), *(",".join(map(repr, row)) for row in rows.tolist())]
    (workspace / "rows.csv").write_text("\n".join(lines))
    succeed(workspace, "diabetes", "train", "--alpha", "0.4", "--data", "rows.csv")
    assert "mse 3295.7149" in succeed(workspace, "diabetes", "evaluate")


def test_a_model_goes_from_training_to_a_package_without_a_cluster(tmp_path: Path) -> None:
    workspace, log = tmp_path / "workspace", tmp_path / "termination"
    for arguments in (("diabetes", "train", "--alpha", "0.4"), ("diabetes", "evaluate")):
        ended = trainer(workspace, *arguments)
        assert ended.returncode == 0, ended.stderr
        assert "[100 %]" in ended.stdout
    assert trainer(workspace, "collect").returncode == 0
    assert Collected.decode(log.read_text()).metrics["mse"].startswith("3295.7149")

    assert trainer(workspace, "convert").returncode == 0
    converted = Converted.decode(log.read_text())
    assert converted.error is None
    assert (converted.format, converted.source_format) == ("onnx", "sklearn-joblib")
    assert converted.parity is not None
    assert converted.parity.proved
    # Double precision throughout: a thousandth of a millionth, on answers of about 150.
    assert float(converted.parity.max_difference) < 1e-9

    package = workspace / ".comal" / "package"
    card = yaml.safe_load((package / "model.yaml").read_text())
    assert card["serving"]["file"] == "serving/model.onnx"
    assert card["signature"]["inputs"][0]["columns"][:2] == ["age", "sex"]
    first = {path.name: path.read_bytes() for path in package.rglob("*") if path.is_file()}
    assert trainer(workspace, "convert").returncode == 0
    assert first == {path.name: path.read_bytes() for path in package.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        (("diabetes", "train", "--alpha", "much"), {}, 64, ["alpha", "much"]),
        (("diabetes", "train"), {"COMAL_PARAM_ALPHA": "-1"}, 64, ["alpha", "-1"]),
        (("diabetes", "train"), {"COMAL_PARAM_ALPHA": "nan"}, 64, ["alpha", "nan"]),
        (("diabetes", "evaluate"), {}, 65, ["diabetes train"]),
        (("nonsense",), {}, 64, ["nonsense"]),
        ((), {}, 64, ["command"]),
        (("register", "--url", "http://r:5000"), {}, 64, ["--repository"]),
        (("tacosandburritos", "prepare", "--image_size", "0.5"), {}, 64, ["image_size"]),
        (("tacosandburritos", "prepare", "--zipfile", "file:///etc/passwd"), {}, 64, ["zipfile"]),
        (("tacosandburritos", "train"), {}, 65, ["tacosandburritos prepare"]),
    ],
)
def test_a_users_mistake_is_one_line_and_a_fatal_exit_code(
    tmp_path: Path,
    arguments: tuple[str, ...],
    environment: dict[str, str],
    code: int,
    words: list[str],
) -> None:
    ended = trainer(tmp_path / "workspace", *arguments, **environment)
    assert ended.returncode == code
    assert ended.stderr.startswith("error: ")
    assert len(ended.stderr.splitlines()) == 1
    for word in words:
        assert word in ended.stderr


def test_a_parameter_may_come_from_the_file_too(tmp_path: Path) -> None:
    parameters = tmp_path / "parameters.json"
    parameters.write_text('{"alpha": "0.4"}')
    ended = trainer(
        tmp_path / "workspace", "diabetes", "train", COMAL_PARAMETERS_FILE=str(parameters)
    )
    assert "alpha 0.4" in ended.stdout


@pytest.mark.parametrize("command", [(), ("diabetes", "train"), ("tacosandburritos", "train")])
def test_help_needs_nothing(tmp_path: Path, command: tuple[str, ...]) -> None:
    ended = trainer(tmp_path / "workspace", *command, "--help")
    assert ended.returncode == 0
    assert "usage" in ended.stdout
