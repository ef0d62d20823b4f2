"""Hostile artefacts: each is refused, says why, and executes nothing; honest ones load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

from unit.scorer.conftest import Start
from unit.scorer.hostile_files import bombs, keras_archives, pickles, wrapped
from unit.scorer.hostile_graphs import graphs, litert_files
from unit.scorer.litert_models import weighted_litert
from unit.scorer.model_folders import COLUMNS, Package, brightness, diabetes, weighted

AUDIT = Path(__file__).parent / "audit"
CANARY = Path("/tmp/comal-canary-that-no-model-may-write")  # noqa: S108 - pickled as it is
ROWS, TARGET = load_diabetes(return_X_y=True)
RIDGE = diabetes()[0].files["serving/model.onnx"]

FILES = {
    **pickles(CANARY),
    **wrapped(pickles(CANARY)["global-reduce"]),
    **keras_archives(CANARY),
    **bombs(),
    **graphs(),
}


def card(**changes: Any) -> dict[str, Any]:
    return {"format": "onnx", "file": "model.bin", "contract": "data-matrix", **changes}


def image(**changes: Any) -> dict[str, Any]:
    given = {"width": 16, "height": 16, **changes}
    return card(contract="base64-image", labels=["a", "b"], preprocessing={"image": given})


CARDS: dict[str, Any] = {
    "pickle-format": card(format="pickle", file="model.pkl"),
    "joblib-unconverted": card(format="sklearn-joblib", file="model.pkl"),
    "h5-unconverted": card(format="keras", file="model.h5"),
    "file-outside": card(file="../../../etc/passwd"),
    "file-absolute": card(file="/etc/passwd"),
    "file-is-folder": card(file="serving"),
    "file-missing": card(file="nothing.onnx"),
    "samples-outside": card(samples="../../etc/passwd"),
    "script-not-allowed": card(contract="script", file="model.bin"),
    "unknown-contract": card(contract="exec"),
    "image-of-terabytes": image(width=10**9, height=10**9),
    "image-of-nothing": image(width=0),
    "image-negative": image(height=-1),
    "text-of-terabytes": card(
        contract="ints-list", preprocessing={"text": {"length": 10**12, "words": 5}}
    ),
    "vocabulary-outside": card(
        contract="ints-list",
        preprocessing={"text": {"length": 10, "words": 5, "vocabulary": "../../etc/passwd"}},
    ),
    "labels-of-objects": image() | {"labels": [{"__reduce__": "os.system"}]},
    "a-list": [],
    "a-text": "!!python/object/apply:os.system ['true']",
}

SAMPLES: dict[str, bytes] = {
    "deep": b"[" * 100_000,
    "huge-number": b"[[" + b"9" * 5000 + b"]]",
    "objects": b'[{"__class__": "os.system"}]',
    "pickle": pickles(CANARY)["global-reduce"],
    "wrong-width": b"[[1, 2]]",
}


def refused(start: Start, tmp_path: Path, package: Package) -> None:
    audit = tmp_path / "audit.log"
    CANARY.unlink(missing_ok=True)
    scorer = start(
        package,
        PYTHONPATH=str(AUDIT),
        COMAL_TEST_AUDIT=str(audit),
        COMAL_LOAD_SECONDS="4",
    )

    assert scorer.exit_code() != 0
    message = scorer.termination_message()
    assert message["reason"] in {"ModelInvalid", "ArtifactInvalid"}
    assert message["message"]
    assert "Traceback" not in message["message"]
    assert audit.read_text() == ""
    assert not CANARY.exists()


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_model_file(start: Start, tmp_path: Path, name: str) -> None:
    refused(start, tmp_path, Package(card(), {"model.bin": FILES[name]}))


@pytest.mark.parametrize("name", litert_files())
def test_a_damaged_litert_file(start: Start, tmp_path: Path, name: str) -> None:
    package = weighted_litert([1.0, 2.0, 3.0, 4.0])
    files = {"serving/model.tflite": litert_files()[name]}
    refused(start, tmp_path, Package(package.card, files))


@pytest.mark.parametrize("name", CARDS)
def test_a_hostile_card(start: Start, tmp_path: Path, name: str) -> None:
    files = {"model.bin": RIDGE, "model.pkl": pickles(CANARY)["inst"], "serving/x": b"x"}
    refused(start, tmp_path, Package(CARDS[name], files))


@pytest.mark.parametrize("name", SAMPLES)
def test_hostile_samples(start: Start, tmp_path: Path, name: str) -> None:
    files = {"model.bin": RIDGE, "samples.json": SAMPLES[name]}
    refused(start, tmp_path, Package(card(samples="samples.json"), files))


ESTIMATORS = [
    LinearRegression(),
    Lasso(alpha=0.1),
    ElasticNet(alpha=0.1),
    DecisionTreeRegressor(max_depth=4),
    RandomForestRegressor(n_estimators=10),
    GradientBoostingRegressor(n_estimators=10),
    KNeighborsRegressor(3),
    SVR(),
    MLPRegressor(hidden_layer_sizes=(8,), max_iter=5),
    make_pipeline(StandardScaler(), LinearRegression()),
    make_pipeline(MinMaxScaler(), SVR()),
]


def converted(estimator: Any, **options: Any) -> Package:
    estimator.fit(ROWS, options.pop("target", TARGET))
    model = to_onnx(estimator, ROWS[:1].astype(np.float32), **options).SerializeToString()
    return Package(card(), {"model.bin": model})


HONEST = {
    "ridge": diabetes()[0],
    "litert": weighted_litert([1.0, 2.0]),
    "picture": brightness(),
    "picture-by-url": brightness(contract="image-url"),
    "columns": weighted("input-data", COLUMNS, [1.0] * 10),
    "unread-pickle-beside": Package(
        card(), {"model.bin": RIDGE, "model.pkl": pickles(CANARY)["inst"]}
    ),
    "samples-as-object": Package(
        card(samples="s.json"),
        {"model.bin": RIDGE, "s.json": json.dumps({"inputs": ROWS[:2].tolist()}).encode()},
    ),
    "numbers-of-words": weighted(
        "ints-list", [], [1.0] * 5, preprocessing={"text": {"length": 5, "words": 9}}
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: str(one).partition("(")[0])
def test_an_honest_estimator(start: Start, tmp_path: Path, estimator: Any) -> None:
    loads(start, tmp_path, converted(estimator))


def test_an_honest_classifier(start: Start, tmp_path: Path) -> None:
    estimator = LogisticRegression()
    loads(start, tmp_path, converted(estimator, target=TARGET > 150, options={"zipmap": False}))


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_model(start: Start, tmp_path: Path, name: str) -> None:
    loads(start, tmp_path, HONEST[name])


def loads(start: Start, tmp_path: Path, package: Package) -> None:
    audit = tmp_path / "audit.log"
    scorer = start(package, PYTHONPATH=str(AUDIT), COMAL_TEST_AUDIT=str(audit)).wait_ready()

    assert scorer.get("/readyz").status == 200
    assert scorer.termination.read_text() == ""
    assert audit.read_text() == ""


def test_there_are_enough_of_both() -> None:
    assert len(FILES) + len(CARDS) + len(SAMPLES) + len(litert_files()) >= 60
    # And the classifier.
    assert len(ESTIMATORS) + len(HONEST) + 1 >= 20
