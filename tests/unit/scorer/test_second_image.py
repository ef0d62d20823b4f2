"""What the second image serves: SavedModels and skops files, looked at before they are loaded."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
import tensorflow as tf
from sklearn.covariance import EllipticEnvelope
from sklearn.preprocessing import FunctionTransformer

from unit.scorer.conftest import Start
from unit.scorer.model_folders import Package

ROWS = np.random.default_rng(7).normal(size=(40, 3))
CARD = {"format": "keras", "file": "model.keras", "contract": "data-matrix"}


def a_saved_model(folder: Path, answer: Any) -> Package:
    module = tf.Module()
    module.weights = tf.Variable([[1.0], [2.0], [3.0]])
    spec = tf.TensorSpec((None, 3), tf.float32, name="data")
    function = tf.function(lambda data: {"answer": answer(module, data)}, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures=function)
    files = {
        f"serving/saved_model/{path.relative_to(folder)}": path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_size
    }
    return Package(CARD, files)


def a_skops_model(model: Any) -> Package:
    return Package(CARD, {"serving/model.skops": skops.io.dumps(model)})


def test_a_saved_model_answers(start: Start, tmp_path: Path) -> None:
    package = a_saved_model(
        tmp_path / "exported",
        lambda module, data: tf.math.lgamma(tf.abs(data @ module.weights) + 1),
    )
    scorer = start(package, COMAL_WORKERS="").wait_ready()

    answer = scorer.score(json.dumps({"data": ROWS[:4].tolist()}).encode())

    wanted = tf.math.lgamma(np.abs(ROWS[:4] @ [[1.0], [2.0], [3.0]]) + 1).numpy().ravel()
    assert answer.status == 200
    np.testing.assert_allclose(answer.json["result"], wanted, rtol=1e-5)
    assert scorer.get("/v2/models/model").json["platform"] == "tensorflow_savedmodel"
    assert scorer.score(b'{"data": [[1, 2]]}').status == 400


def reads(module: Any, data: Any) -> Any:
    text = tf.io.decode_raw(tf.io.read_file("/etc/hostname"), tf.uint8)
    return data @ module.weights + tf.cast(tf.reduce_sum(text[:1]), tf.float32)


def writes(module: Any, data: Any) -> Any:
    tf.io.write_file("/tmp/canary-of-a-graph", "x")  # noqa: S108 - never run
    return data @ module.weights


@pytest.mark.parametrize("answer", [reads, writes])
def test_a_graph_that_reaches_outside_is_refused(start: Start, tmp_path: Path, answer: Any) -> None:
    scorer = start(a_saved_model(tmp_path / "exported", answer))

    assert scorer.exit_code() == 1
    message = scorer.termination_message()
    assert message["reason"] == "ModelInvalid"
    assert "only compute" in message["message"]
    assert not Path("/tmp/canary-of-a-graph").exists()  # noqa: S108 - as above


def test_a_skops_model_answers(start: Start) -> None:
    model = EllipticEnvelope(random_state=0).fit(ROWS)
    scorer = start(a_skops_model(model), COMAL_WORKERS="").wait_ready()

    answer = scorer.score(json.dumps({"data": ROWS[:4].tolist()}).encode())

    assert answer.status == 200
    assert answer.json["result"] == model.predict(ROWS[:4]).tolist()


@pytest.mark.parametrize(
    "package",
    [
        a_skops_model(FunctionTransformer(func=eval)),
        Package(CARD, {"serving/model.skops": pickle.dumps(ROWS)}),
        Package(CARD, {"serving/model.skops": b""}),
        Package(CARD, {"serving/saved_model/saved_model.pb": b"hello"}),
        Package(CARD, {"serving/saved_model/other": b"hello"}),
    ],
    ids=["a-type-of-its-own", "a-pickle", "nothing", "no-graph", "no-file"],
)
def test_what_cannot_be_looked_at_is_refused(start: Start, package: Package) -> None:
    scorer = start(package)

    assert scorer.exit_code() == 1
    assert scorer.termination_message()["reason"] == "ModelInvalid"
    assert "Traceback" not in scorer.errors()
