from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import yaml
from onnx import TensorProto, helper
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from comal_trainer.contract import Converted, Reason
from comal_trainer.convert import convert
from comal_trainer.settings import Settings

ROWS = np.random.default_rng(7).normal(size=(40, 3))
CARD: dict[str, Any] = {
    "format": "sklearn-joblib",
    "file": "model.joblib",
    "contract": "data-matrix",
    "signature": {
        "inputs": [{"name": "data", "dtype": "float64", "shape": [-1, 3]}],
        "outputs": [{"name": "answer", "dtype": "float64", "shape": [-1, 1]}],
    },
    "samples": "samples.json",
}


class EndsTheProcess:
    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (0,)


class KillsTheProcess:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.abort, ()


class Raises:
    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("not a number",)


def model_folder(settings: Settings, model: object = None, **changes: Any) -> Path:
    folder = settings.model_dir
    folder.mkdir(parents=True)
    card = {name: value for name, value in (CARD | changes).items() if value is not None}
    (folder / "model.yaml").write_text(yaml.safe_dump(card))
    (folder / "samples.json").write_text(json.dumps({"inputs": ROWS[:10].tolist()}))
    if model is not None:
        joblib.dump(model, folder / "model.joblib")
    return folder


def refused(answer: Converted, reason: Reason, *words: str) -> None:
    assert answer.error is not None
    assert answer.error.reason == reason, answer.error.message
    for word in words:
        assert word in answer.error.message


def linear_onnx(path: Path, *, batch: int | str = "batch", external: bool = False) -> None:
    weights = helper.make_tensor("w", TensorProto.FLOAT, [3, 1], [1.0, 2.0, 3.0])
    if external:
        weights.ClearField("float_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value="../../etc/passwd")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["data", "w"], ["answer"])],
        "linear",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [batch, 3])],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [batch, 1])],
        [weights],
    )
    opset = [helper.make_opsetid("", 18)]
    path.write_bytes(
        helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()
    )


@pytest.mark.parametrize(
    "model",
    [
        RandomForestRegressor(20, max_depth=5, random_state=0).fit(ROWS, ROWS.sum(axis=1)),
        make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, ROWS[:, 0] > 0),
    ],
    ids=["forest", "pipeline"],
)
def test_other_estimators_answer_alike_too(settings: Settings, model: Any) -> None:
    model_folder(settings, model)
    answer = convert(settings)
    assert answer.error is None
    assert answer.parity is not None
    assert answer.parity.proved
    # ONNX's trees are in single precision.
    assert float(answer.parity.max_difference) < 1e-5


def test_onnx_is_taken_as_it_is(settings: Settings) -> None:
    folder = model_folder(settings, format="onnx", file="model.onnx")
    linear_onnx(folder / "model.onnx")
    answer = convert(settings)
    assert answer.error is None
    assert answer.source_format == "onnx"
    served = settings.package_dir / "serving" / "model.onnx"
    assert served.read_bytes() == (folder / "model.onnx").read_bytes()


def test_without_samples_nothing_is_proved_and_that_is_said(settings: Settings) -> None:
    folder = model_folder(settings, format="onnx", file="model.onnx", samples=None)
    linear_onnx(folder / "model.onnx")
    answer = convert(settings)
    assert answer.parity is not None
    assert (answer.parity.proved, answer.parity.samples) == (False, 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "pickle"}, ["format", "pickle", "onnx"]),
        ({"format": None}, ["format", "missing"]),
        ({"contract": "magic"}, ["contract", "magic"]),
        ({"file": "../model.joblib"}, ["file", "../model.joblib"]),
        ({"file": "/etc/passwd"}, ["file", "/etc/passwd"]),
        ({"file": "other.joblib"}, ["other.joblib", "not in the model folder"]),
        ({"file": 7}, ["file", "7"]),
        ({"samples": "gone.json"}, ["samples", "gone.json"]),
        ({"signature": {"inputs": []}}, ["signature"]),
        ({"signature": {"inputs": [], "outputs": []}}, ["signature", "one input"]),
        ({"labels": [True, False]}, ["labels[0]", "quotes"]),
        ({"labels": ["a", "a"]}, ["labels", "twice"]),
        ({"nonsense": 1}, ["nonsense"]),
        ({"serving": {}}, ["serving"]),
        ({"preprocessing": {"image": {"scale": float("nan")}}}, ["scale", "range"]),
        ({"preprocessing": {"image": {"width": 0}}}, ["width", "4096"]),
        ({"contract": "base64-image"}, ["preprocessing.image", "width"]),
        (
            {"contract": "base64-image", "preprocessing": {"image": {"width": 8, "height": 8}}},
            ["labels"],
        ),
        (
            {
                "contract": "base64-image",
                "preprocessing": {"image": {"width": 8, "height": 8}},
                "labels": ["a", "b"],
            },
            ["signature", "8, 8, 3"],
        ),
        ({"contract": "image-url"}, ["preprocessing.image", "image-url"]),
        ({"contract": "ints-list"}, ["preprocessing.text", "length and words"]),
        (
            {"contract": "ints-list", "preprocessing": {"text": {"length": 4, "words": 9}}},
            ["signature", "[-1, 4]"],
        ),
        ({"preprocessing": {"text": {"length": 0}}}, ["preprocessing.text.length", "0"]),
        ({"preprocessing": {"text": {"vocabulary": "../words"}}}, ["vocabulary", "../words"]),
        ({"preprocessing": {"text": {"vocabulary": "gone"}}}, ["vocabulary", "gone"]),
        ({"preprocessing": {"sound": {}}}, ["preprocessing", "sound"]),
        ({"contract": "input-data"}, ["columns", "every column"]),
        ({"description": "x" * 3000}, ["description", "2000"]),
        ({"data": {"rows": -1}}, ["data.rows", "-1"]),
        ({"data": {"list": "gone.txt"}}, ["data.list", "gone.txt"]),
        ({"data": {"generated": "yes"}}, ["data.generated", "yes"]),
        ({"data": {"sha256": "abc"}}, ["data.sha256", "abc"]),
        ({"data": {"nonsense": 1}}, ["data", "nonsense"]),
    ],
)
def test_a_wrong_card_names_the_field(
    settings: Settings, changes: dict[str, Any], words: list[str]
) -> None:
    model_folder(settings, 1, **changes)
    refused(convert(settings), Reason.MODEL_INVALID, "model.yaml", *words)
    assert not settings.package_dir.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a: [", ["not YAML"]),
        (b"\xff\xfe\x00", ["not YAML"]),
        (b"hello", ["hello"]),
        (b"", ["fields"]),
        (b"!!python/object/apply:os.system [id]", ["not YAML"]),
        (b"a: &x [1]\nb: [*x, *x]", ["aliases"]),
        (b"a" * 300_000, ["262144"]),
        (b"[" * 5000, ["not YAML"]),
    ],
)
def test_a_broken_card_is_told(settings: Settings, text: bytes, words: list[str]) -> None:
    folder = model_folder(settings, 1)
    (folder / "model.yaml").write_bytes(text)
    refused(convert(settings), Reason.MODEL_INVALID, "model.yaml", *words)


def test_a_folder_without_a_card_or_no_folder_is_told(settings: Settings) -> None:
    refused(convert(settings), Reason.MODEL_INVALID, "does not exist")
    settings.model_dir.mkdir(parents=True)
    refused(convert(settings), Reason.MODEL_INVALID, "model.yaml is missing")


@pytest.mark.parametrize("name", ["config.json", "manifest.json", "serving/model.onnx", "a\nb"])
def test_a_name_that_is_taken_or_odd_is_told(settings: Settings, name: str) -> None:
    folder = model_folder(settings, 1)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("{}")
    refused(convert(settings), Reason.MODEL_INVALID, "model folder")


def test_links_and_pipes_are_refused(settings: Settings, tmp_path: Path) -> None:
    folder = model_folder(settings, 1)
    secret = tmp_path / "secret"
    secret.write_text("x")
    (folder / "weights.bin").symlink_to(secret)
    refused(convert(settings), Reason.MODEL_INVALID, "weights.bin")
    (folder / "weights.bin").unlink()
    (folder / "sub").symlink_to(tmp_path)
    refused(convert(settings), Reason.MODEL_INVALID, "sub")
    (folder / "sub").unlink()
    os.mkfifo(folder / "pipe")
    refused(convert(settings), Reason.MODEL_INVALID, "pipe")


def test_a_model_folder_that_leads_out_is_refused(settings: Settings, tmp_path: Path) -> None:
    model_folder(settings, 1).rename(tmp_path / "elsewhere")
    settings.model_dir.symlink_to(tmp_path / "elsewhere")
    refused(convert(settings), Reason.MODEL_INVALID, "out of the workspace")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (EndsTheProcess(), ["exit code 0"]),
        (KillsTheProcess(), ["SIGABRT"]),
        (Raises(), ["ValueError", "not a number"]),
        (LogisticRegression(), ["not fitted"]),
    ],
    ids=["exits", "aborts", "raises", "not fitted"],
)
def test_whatever_a_pickle_does_there_is_an_answer(
    settings: Settings, model: object, words: list[str]
) -> None:
    model_folder(settings, model)
    refused(convert(settings), Reason.CONVERSION_FAILED, *words)
    assert not settings.package_dir.exists()


def test_bytes_that_are_no_model_are_told(settings: Settings) -> None:
    folder = model_folder(settings)
    (folder / "model.joblib").write_bytes(b"hello")
    refused(convert(settings), Reason.CONVERSION_FAILED, "cannot be loaded")


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ("no", ["samples.json"]),
        ('{"rows": []}', ["inputs"]),
        ('{"inputs": []}', ["fit the signature"]),
        ('{"inputs": [[1, 2]]}', ["[1, 2]", "[-1, 3]"]),
        ('{"inputs": [[1, 2, NaN]]}', ["finite"]),
        ('{"inputs": [[1, 2, "x"]]}', ["samples.json"]),
    ],
)
def test_wrong_samples_are_told(settings: Settings, samples: str, words: list[str]) -> None:
    folder = model_folder(settings, 1)
    (folder / "samples.json").write_text(samples)
    refused(convert(settings), Reason.MODEL_INVALID, *words)


def test_columns_must_be_those_of_the_model(settings: Settings) -> None:
    model_folder(settings, RandomForestRegressor(2).fit(ROWS[:, :2], ROWS[:, 0]))
    refused(convert(settings), Reason.MODEL_INVALID, "3 columns", "fitted on 2")


def test_outputs_must_be_those_of_the_model(settings: Settings) -> None:
    outputs = [{"name": "answer", "dtype": "float32", "shape": [-1, 4]}]
    signature = {"inputs": CARD["signature"]["inputs"], "outputs": outputs}
    folder = model_folder(settings, format="onnx", file="model.onnx", signature=signature)
    linear_onnx(folder / "model.onnx")
    refused(convert(settings), Reason.MODEL_INVALID, "answer", "[-1, 4]", "1 numbers")


def test_an_onnx_file_may_not_point_elsewhere_or_fix_its_batch(settings: Settings) -> None:
    folder = model_folder(settings, format="onnx", file="model.onnx")
    linear_onnx(folder / "model.onnx", external=True)
    refused(convert(settings), Reason.MODEL_INVALID, "other files")
    linear_onnx(folder / "model.onnx", batch=10)
    refused(convert(settings), Reason.CONVERSION_FAILED, "batch axis")
    (folder / "model.onnx").write_bytes(b"hello")
    refused(convert(settings), Reason.MODEL_INVALID, "not an ONNX file")
