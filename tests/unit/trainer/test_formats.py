"""Every format that may be registered: the fastest form that is proved, or the model as it is."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import skops.io
import yaml
from sklearn.covariance import EllipticEnvelope
from sklearn.linear_model import Ridge
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from comal_trainer.contract import Converted, Reason
from comal_trainer.convert import convert
from comal_trainer.settings import Settings
from unit.trainer.test_convert import CARD, ROWS, linear_onnx, refused

RIDGE = Ridge().fit(ROWS, ROWS.sum(axis=1))


def a_folder(settings: Settings, form: str, file: str, **changes: Any) -> Path:
    folder = settings.model_dir
    folder.mkdir(parents=True)
    card = {**CARD, "format": form, "file": file, **changes}
    card = {name: value for name, value in card.items() if value is not None}
    (folder / "model.yaml").write_text(yaml.safe_dump(card))
    (folder / "samples.json").write_text(json.dumps({"inputs": ROWS[:10].tolist()}))
    return folder


def serving(settings: Settings) -> dict[str, Any]:
    card = yaml.safe_load((settings.package_dir / "model.yaml").read_text())
    found: dict[str, Any] = card["serving"]
    return found


def proved(answer: Converted, form: str) -> None:
    assert answer.error is None
    assert answer.format == form
    assert answer.parity is not None
    assert answer.parity.proved
    assert float(answer.parity.max_difference) < 1e-5


def test_skops_becomes_onnx(settings: Settings) -> None:
    folder = a_folder(settings, "sklearn-skops", "model.skops")
    skops.io.dump(RIDGE, folder / "model.skops")
    answer = convert(settings)
    proved(answer, "onnx")
    assert answer.source_format == "sklearn-skops"
    assert (settings.package_dir / "model.skops").is_file()


def test_what_has_no_onnx_form_is_kept_and_served_as_skops(settings: Settings) -> None:
    folder = a_folder(settings, "sklearn-joblib", "model.pkl")
    model = EllipticEnvelope(random_state=0).fit(ROWS)
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    answer = convert(settings)
    proved(answer, "skops")
    assert serving(settings)["file"] == "serving/model.skops"
    kept = skops.io.load(settings.package_dir / "serving/model.skops", trusted=[])
    np.testing.assert_allclose(kept.predict(ROWS[:3]), model.predict(ROWS[:3]))


def test_an_estimator_of_ones_own_is_refused(settings: Settings) -> None:
    folder = a_folder(settings, "sklearn-skops", "model.skops")
    skops.io.dump(FunctionTransformer(func=eval), folder / "model.skops")
    refused(convert(settings), Reason.MODEL_INVALID, "model.skops names", "builtins.eval")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (pickle.dumps(RIDGE), ["not a skops file"]),
        (b"", ["not a skops file"]),
    ],
    ids=["pickle", "nothing"],
)
def test_what_is_no_skops_file(settings: Settings, content: bytes, words: list[str]) -> None:
    folder = a_folder(settings, "sklearn-skops", "model.skops")
    (folder / "model.skops").write_bytes(content)
    refused(convert(settings), Reason.MODEL_INVALID, *words)


@pytest.mark.parametrize(
    ("loader", "module", "name"),
    [
        ("TypeNode", "os", "system"),
        ("FunctionNode", "os", "system"),
        ("ObjectNode", "subprocess", "Popen"),
        ("MethodNode", "builtins", "exec"),
        ("OperatorFuncNode", "operator", "attrgetter"),
        ("NoSuchNode", "sklearn.linear_model", "Ridge"),
        ("JsonNode", "os", "system"),
    ],
)
def test_hostile_skops_files_run_nothing(
    settings: Settings, tmp_path: Path, loader: str, module: str, name: str
) -> None:
    canary = tmp_path / "canary"
    folder = a_folder(settings, "sklearn-skops", "model.skops")
    schema = {
        "__class__": name,
        "__module__": module,
        "__loader__": loader,
        "__id__": 1,
        "content": {
            "module_path": module,
            "function": name,
            "content": f"touch {canary}",
            "func": name,
            "obj": {},
        },
        "is_json": True,
        "protocol": 2,
        "_skops_version": "0.16.0",
    }
    with zipfile.ZipFile(folder / "model.skops", "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    answer = convert(settings)
    assert answer.error is not None
    assert not canary.exists()
    assert not settings.package_dir.exists()


def test_an_estimator_without_predict(settings: Settings) -> None:
    folder = a_folder(settings, "sklearn-skops", "model.skops")
    skops.io.dump(StandardScaler().fit(ROWS), folder / "model.skops")
    refused(convert(settings), Reason.MODEL_INVALID, "no predict()")


def test_without_samples_a_conversion_is_proved_on_made_ones(settings: Settings) -> None:
    folder = a_folder(settings, "sklearn-skops", "model.skops", samples=None)
    skops.io.dump(RIDGE, folder / "model.skops")
    answer = convert(settings)
    proved(answer, "onnx")
    assert answer.parity is not None
    assert answer.parity.samples == 8


# --- MLflow, whose folders are read without it ----------------------------------------------------


def mlflow(settings: Settings, flavors: Any, **files: bytes) -> Path:
    folder = a_folder(settings, "mlflow", "logged") / "logged"
    folder.mkdir()
    text = yaml.safe_dump({"flavors": flavors, "mlflow_version": "3.4.0"})
    (folder / "MLmodel").write_text(text)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


def test_an_mlflow_folder_of_sklearn(settings: Settings) -> None:
    flavor = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}
    loader = {"loader_module": "mlflow.sklearn", "model_path": "model.pkl"}
    mlflow(
        settings,
        {"python_function": loader, "sklearn": flavor},
        model__pkl=pickle.dumps(RIDGE),
    )
    answer = convert(settings)
    proved(answer, "onnx")
    assert answer.source_format == "mlflow"


def test_an_mlflow_folder_of_onnx(settings: Settings) -> None:
    folder = mlflow(settings, {"onnx": {"data": "model.onnx"}})
    linear_onnx(folder / "model.onnx")
    proved(convert(settings), "onnx")


@pytest.mark.parametrize(
    ("flavors", "words"),
    [
        ({"pytorch": {}, "python_function": {}}, ["pytorch, python_function", "mlflow.onnx"]),
        ({}, ["none", "cannot be converted"]),
        ([], ["flavors", "expected a mapping"]),
        ({"onnx": "model"}, ["flavors.onnx", "expected a mapping"]),
        ({"onnx": {"data": "../../model.onnx"}}, ["../../model.onnx", "not allowed"]),
        ({"onnx": {"data": "/etc/passwd"}}, ["/etc/passwd", "not allowed"]),
        ({"onnx": {"data": "gone.onnx"}}, ["gone.onnx is not in the folder"]),
        ({"keras": {"data": "data"}}, ["neither model.keras nor a SavedModel"]),
    ],
    ids=json.dumps,
)
def test_mlflow_folders_that_cannot_be_converted(
    settings: Settings, flavors: Any, words: list[str]
) -> None:
    mlflow(settings, flavors)
    if "pytorch" in flavors:
        words = ["python_function, pytorch", words[1]]
    refused(convert(settings), Reason.MODEL_INVALID, "MLmodel", *words)


def test_an_mlmodel_that_would_run_code_is_no_yaml(settings: Settings) -> None:
    folder = mlflow(settings, {})
    (folder / "MLmodel").write_text("flavors: !!python/object/apply:os.system [id]")
    refused(convert(settings), Reason.MODEL_INVALID, "MLmodel is not YAML")


def test_a_folder_that_is_not_of_mlflow(settings: Settings) -> None:
    mlflow(settings, {}).joinpath("MLmodel").rename(settings.model_dir / "logged" / "Other")
    refused(convert(settings), Reason.MODEL_INVALID, "'logged' is not in the model folder")


# --- scripts --------------------------------------------------------------------------------------

SCRIPT = (
    "def init():\n    raise SystemExit('run at registration')\n\ndef run(raw):\n    return raw\n"
)


def test_a_script_is_registered_and_not_run(settings: Settings) -> None:
    folder = a_folder(
        settings, "script", "score.py", contract="script", signature=None, samples=None
    )
    (folder / "score.py").write_text(SCRIPT)
    answer = convert(settings)
    assert answer.error is None
    assert (answer.format, answer.contract) == ("script", "script")
    assert (answer.parity, answer.signature) == (None, None)
    assert serving(settings) == {"format": "script", "file": "score.py"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def init(): pass", ["no function run()"]),
        ("def run(raw): pass", ["no function init()"]),
        ("def init(:", ["not Python"]),
        ("\0", ["not Python"]),
    ],
)
def test_what_is_no_script(settings: Settings, text: str, words: list[str]) -> None:
    folder = a_folder(
        settings, "script", "score.py", contract="script", signature=None, samples=None
    )
    (folder / "score.py").write_text(text)
    refused(convert(settings), Reason.MODEL_INVALID, *words)


@pytest.mark.parametrize(
    "changes", [{"format": "script"}, {"contract": "script"}], ids=["format", "contract"]
)
def test_a_script_says_so_twice(settings: Settings, changes: dict[str, Any]) -> None:
    folder = a_folder(settings, changes.pop("format", "onnx"), "model.onnx", **changes)
    linear_onnx(folder / "model.onnx")
    refused(convert(settings), Reason.MODEL_INVALID, "go together")


def test_the_served_file_is_a_model(settings: Settings) -> None:
    folder = a_folder(settings, "sklearn-skops", "model.skops")
    skops.io.dump(RIDGE, folder / "model.skops")
    convert(settings)
    session = onnxruntime.InferenceSession(settings.package_dir / serving(settings)["file"])
    [answer] = session.run(None, {session.get_inputs()[0].name: ROWS[:3]})
    np.testing.assert_allclose(answer.ravel(), RIDGE.predict(ROWS[:3]), rtol=1e-6)
