"""TensorFlow's formats: ONNX where it answers alike, the SavedModel itself where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from comal_trainer.contract import Reason
from comal_trainer.convert import convert
from comal_trainer.keras_runtime import load_keras, load_tensorflow
from comal_trainer.settings import Settings
from unit.trainer.test_convert import refused
from unit.trainer.test_formats import a_folder, proved, serving

pytestmark = pytest.mark.filterwarnings("ignore")


def saved(folder: Path, answer: Any, name: str = "data") -> None:
    """Write a SavedModel whose one function is this."""
    tf = load_tensorflow()
    spec = tf.TensorSpec((None, 3), tf.float32, name=name)
    module = tf.Module()
    module.weights = tf.Variable([[1.0], [2.0], [3.0]])
    function = tf.function(
        lambda data: {"answer": answer(tf, module, data)}, input_signature=[spec]
    )
    tf.saved_model.save(module, str(folder), signatures=function)


def linear(tf: Any, module: Any, data: Any) -> Any:
    return tf.matmul(data, module.weights)


def unconvertible(tf: Any, module: Any, data: Any) -> Any:
    # ONNX has no such function, and computes all the same.
    return tf.math.lgamma(tf.abs(tf.matmul(data, module.weights)) + 1.0)


def test_a_saved_model_becomes_onnx(settings: Settings) -> None:
    folder = a_folder(settings, "tensorflow-savedmodel", "exported")
    saved(folder / "exported", linear)
    answer = convert(settings)
    proved(answer, "onnx")
    assert (settings.package_dir / "exported/saved_model.pb").is_file()


def test_a_saved_model_without_onnx_form_is_served_itself(settings: Settings) -> None:
    folder = a_folder(settings, "tensorflow-savedmodel", "exported")
    saved(folder / "exported", unconvertible)
    proved(convert(settings), "tensorflow")
    assert serving(settings)["file"] == "serving/saved_model"
    assert (settings.package_dir / "serving/saved_model/saved_model.pb").is_file()


def reads(tf: Any, module: Any, data: Any) -> Any:
    tf.io.read_file("/etc/passwd")
    return linear(tf, module, data) + tf.cast(
        tf.strings.length(tf.io.read_file("/etc/passwd")), tf.float32
    )


def writes(tf: Any, module: Any, data: Any) -> Any:
    tf.io.write_file("/tmp/canary-of-a-graph", "x")  # noqa: S108 - never run
    return linear(tf, module, data)


def calls_python(tf: Any, module: Any, data: Any) -> Any:
    del module
    return tf.py_function(lambda rows: rows[:, :1], [data], tf.float32)


def hidden(tf: Any, module: Any, data: Any) -> Any:
    """Read in a branch that no sample takes."""
    text = tf.cond(tf.reduce_sum(data) > 1e30, lambda: tf.io.read_file("/etc/passwd"), lambda: "")
    return linear(tf, module, data) + tf.cast(tf.strings.length(text), tf.float32)


@pytest.mark.parametrize(
    ("answer", "operation"),
    [
        (reads, "ReadFile"),
        (writes, "WriteFile"),
        (calls_python, "EagerPyFunc"),
        (hidden, "its operation"),
    ],
)
def test_a_graph_that_reaches_outside_is_refused(
    settings: Settings, answer: Any, operation: str
) -> None:
    folder = a_folder(settings, "tensorflow-savedmodel", "exported")
    saved(folder / "exported", answer)
    refused(convert(settings), Reason.MODEL_INVALID, operation, "only compute")
    assert not Path("/tmp/canary-of-a-graph").exists()  # noqa: S108 - as above


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"hello", ["exported"]), (b"", ["0 graphs"])],
    ids=["text", "nothing"],
)
def test_what_is_no_saved_model(settings: Settings, content: bytes, words: list[str]) -> None:
    folder = a_folder(settings, "tensorflow-savedmodel", "exported") / "exported"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(content)
    refused(convert(settings), Reason.MODEL_INVALID, *words)


def test_an_mlflow_folder_of_keras_becomes_onnx(settings: Settings) -> None:
    keras = load_keras()
    data = a_folder(settings, "mlflow", "logged") / "logged" / "data"
    data.mkdir(parents=True)
    flavor = {"data": "data", "model_type": "keras", "save_format": "tf"}
    text = yaml.safe_dump({"flavors": {"tensorflow": flavor}})
    (data.parent / "MLmodel").write_text(text)
    layers = [keras.layers.Input((3,)), keras.layers.Dense(1)]
    keras.Sequential(layers).save(data / "model.keras")
    proved(convert(settings), "onnx")


def lite(folder: Path) -> bytes:
    tf = load_tensorflow()
    saved(folder, linear)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    content: bytes = converter.convert()
    return content


def test_litert_is_served_as_it_is(settings: Settings, tmp_path: Path) -> None:
    folder = a_folder(settings, "litert", "model.tflite")
    (folder / "model.tflite").write_bytes(lite(tmp_path / "exported"))
    answer = convert(settings)
    proved(answer, "litert")
    assert serving(settings) == {
        "format": "litert",
        "file": "serving/model.tflite",
        "parity": {"maxDifference": "0.0e+00", "samples": 10, "proved": True},
    }


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1c\0\0\0TFL3" + b"\xff" * 200])
def test_what_is_no_litert_file(settings: Settings, content: bytes) -> None:
    folder = a_folder(settings, "litert", "model.tflite")
    (folder / "model.tflite").write_bytes(content)
    answer = convert(settings)
    assert answer.error is not None
    assert not settings.package_dir.exists()
