"""A LiteRT model in the place of an ONNX one: the same requests, the same answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from unit.scorer.conftest import Start
from unit.scorer.litert_models import weighted_litert
from unit.scorer.model_folders import Package
from unit.scorer.scorer_process import ScorerProcess

WEIGHTS = [1.0, 10.0, 100.0, 1000.0]


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScorerProcess]:
    folder = tmp_path_factory.mktemp("litert")
    process = ScorerProcess(weighted_litert(WEIGHTS), folder, COMAL_THREADS="2").wait_ready()
    yield process
    process.stop()


@pytest.mark.parametrize("count", [1, 3, 500])
def test_rows_are_scored(scorer: ScorerProcess, count: int) -> None:
    rows = np.arange(count * 4).reshape(count, 4)
    answer = scorer.score(json.dumps({"data": rows.tolist()}).encode())

    assert answer.status == 200
    np.testing.assert_allclose(answer.json["result"], rows @ WEIGHTS)


def test_tensors_and_metadata(scorer: ScorerProcess) -> None:
    model = scorer.get("/v2/models/model").json
    given = {"name": "rows", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
    body = json.dumps({"inputs": [given]}).encode()
    answer = scorer.request("POST", "/v2/models/model/infer", body)

    assert model["platform"] == "tensorflow_lite"
    assert model["inputs"] == [{"name": "rows", "datatype": "FP32", "shape": [-1, 4]}]
    assert answer.json["outputs"][0]["data"] == [4321.0]


def test_threads_do_not_mix_their_rows(scorer: ScorerProcess) -> None:
    def ask(index: int) -> bool:
        # Large bodies run in the pool, small ones on the event loop.
        rows = np.full((1 if index % 2 else 4000, 4), index)
        answer = scorer.score(json.dumps({"data": rows.tolist()}).encode())
        return bool(np.allclose(answer.json["result"], rows @ WEIGHTS))

    with ThreadPoolExecutor(8) as clients:
        assert all(clients.map(ask, range(80)))


@pytest.mark.parametrize(
    "content",
    [b"", b"TFL3", b"\x00" * 64, weighted_litert(WEIGHTS).files["serving/model.tflite"][:200]],
)
def test_what_is_no_model_is_never_ready(start: Start, content: bytes) -> None:
    package = weighted_litert(WEIGHTS)
    broken = start(Package(package.card, {"serving/model.tflite": content}))

    assert broken.exit_code() == 1
    assert broken.termination_message()["reason"] == "ModelInvalid"
    assert "LiteRT" in broken.termination_message()["message"]
