"""`adopt`: what was imported becomes the package to register."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from comal_trainer.adopt import adopt
from comal_trainer.artifact import artifact_of
from comal_trainer.contract import Converted, Reason
from comal_trainer.settings import Settings
from unit.trainer.test_convert import linear_onnx, model_folder
from unit.trainer.test_register import a_package


@pytest.fixture
def ours(settings: Settings, tmp_path: Path) -> str:
    """A package as the record in Azure ML has it; its digest."""
    artifact = artifact_of(a_package(tmp_path / "package"))
    settings.workspace.mkdir()
    a_package(settings.model_dir)
    (settings.model_dir / "manifest.json").write_bytes(artifact.manifest)
    (settings.model_dir / "config.json").write_bytes(artifact.config)
    return artifact.digest


def _reason(answer: Converted) -> str:
    assert answer.error is not None, answer
    return answer.error.reason


def test_a_package_of_ours_keeps_its_digest(settings: Settings, ours: str) -> None:
    answer = adopt(settings)
    assert (answer.error, answer.format, answer.contract) == (None, "onnx", "data-matrix")
    assert artifact_of(settings.package_dir).digest == ours
    assert adopt(settings) == answer


@pytest.mark.parametrize("change", ["bytes", "file more", "file less"])
def test_a_package_that_was_changed_is_refused(settings: Settings, ours: str, change: str) -> None:
    served = settings.model_dir / "serving" / "model.onnx"
    if change == "bytes":
        served.write_bytes(b"other")
    elif change == "file more":
        (settings.model_dir / "more.txt").write_bytes(b"")
    else:
        (settings.model_dir / "empty.txt").unlink()
    assert _reason(adopt(settings)) == Reason.MODEL_INVALID


def test_a_link_in_a_package_is_refused(settings: Settings, ours: str) -> None:
    (settings.model_dir / "link").symlink_to("/etc/passwd")
    assert _reason(adopt(settings)) == Reason.MODEL_INVALID


def test_a_model_with_a_card_is_converted(settings: Settings) -> None:
    folder = model_folder(settings, format="onnx", file="model.onnx")
    linear_onnx(folder / "model.onnx")
    answer = adopt(settings)
    assert (answer.error, answer.source_format) == (None, "onnx")
    assert artifact_of(settings.package_dir).digest


def test_one_onnx_file_says_itself_what_it_takes(settings: Settings) -> None:
    settings.model_dir.mkdir(parents=True)
    linear_onnx(settings.model_dir / "net.onnx")
    answer = adopt(settings)
    assert answer.error is None
    assert answer.signature is not None
    [taken], [given] = answer.signature.inputs, answer.signature.outputs
    assert (taken.shape[0], taken.dtype, given.shape[0]) == (-1, "float32", -1)
    assert json.dumps(taken.name)


@pytest.mark.parametrize("names", [[], ["a.onnx", "b.onnx"], ["model.pkl"]])
def test_what_nobody_described_is_told(settings: Settings, names: list[str]) -> None:
    settings.model_dir.mkdir(parents=True)
    for name in names:
        (settings.model_dir / name).write_bytes(b"x")
    answer = adopt(settings)
    assert _reason(answer) == Reason.MODEL_INVALID
    assert answer.error is not None
    assert "register it with a model.yaml" in answer.error.message


def test_a_file_that_is_no_onnx_is_told(settings: Settings) -> None:
    settings.model_dir.mkdir(parents=True)
    (settings.model_dir / "a.onnx").write_bytes(b"no model")
    assert _reason(adopt(settings)) == Reason.MODEL_INVALID


def test_a_download_that_brought_nothing_is_told(settings: Settings) -> None:
    assert _reason(adopt(settings)) == Reason.MODEL_INVALID
