"""The Open Inference Protocol v2: JSON and binary tensors, metadata, refusals."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest

from unit.scorer.model_folders import diabetes, jpeg
from unit.scorer.scorer_process import Answer, ScorerProcess

INFER = "/v2/models/model/infer"
ROWS = np.linspace(-0.1, 0.1, 30, dtype=np.float32).reshape(3, 10)


def tensor(rows: Any = None, **changes: Any) -> dict[str, Any]:
    values = ROWS if rows is None else np.asarray(rows)
    given = {"name": "X", "shape": list(values.shape), "datatype": "FP32"}
    return given | {"data": values.ravel().tolist()} | changes


def ask(scorer: ScorerProcess, content: Any, path: str = INFER) -> Answer:
    return scorer.request("POST", path, json.dumps(content).encode())


def ask_binary(
    scorer: ScorerProcess, tensors: dict[str, Any], content: bytes, path: str = INFER, **more: Any
) -> Answer:
    parameters = {"binary_data_size": len(content)}
    header = json.dumps({"inputs": [{**tensors, "parameters": parameters}], **more}).encode()
    return scorer.request(
        "POST",
        path,
        header + content,
        content_type="application/octet-stream",
        inference_header_content_length=str(len(header)),
    )


@pytest.mark.parametrize("path", [INFER, "/v2/models/model/versions/3/infer"])
@pytest.mark.parametrize("nested", [False, True])
def test_json_tensors(matrix_scorer: ScorerProcess, path: str, nested: bool) -> None:
    data = ROWS.tolist() if nested else ROWS.ravel().tolist()
    answer = ask(matrix_scorer, {"id": "a-1", "inputs": [tensor(data=data)]}, path)
    output = answer.json["outputs"][0]

    assert answer.status == 200
    assert (answer.json["model_name"], answer.json["model_version"]) == ("model", "3")
    assert answer.json["id"] == "a-1"
    assert (output["datatype"], output["shape"]) == ("FP32", [3, 1])
    np.testing.assert_allclose(output["data"], diabetes()[1].predict(ROWS), rtol=1e-4)


@pytest.mark.parametrize("dtype", ["FP64", "FP32", "INT64", "INT8", "UINT8", "UINT64", "FP16"])
@pytest.mark.parametrize("binary", [False, True])
def test_numbers_of_every_type(matrix_scorer: ScorerProcess, dtype: str, binary: bool) -> None:
    kinds = {"FP": "f", "UINT": "u", "INT": "i"}
    kind = next(code for name, code in kinds.items() if dtype.startswith(name))
    rows = np.arange(10).reshape(1, 10).astype(f"{kind}{int(dtype.strip('FPUINT')) // 8}")
    given = {"name": "X", "shape": [1, 10], "datatype": dtype}
    if binary:
        answer = ask_binary(matrix_scorer, given, rows.tobytes())
    else:
        answer = ask(matrix_scorer, {"inputs": [given | {"data": rows.ravel().tolist()}]})

    assert answer.status == 200
    expected = diabetes()[1].predict(rows)
    np.testing.assert_allclose(answer.json["outputs"][0]["data"], expected, rtol=1e-4)


@pytest.mark.parametrize(
    "asked",
    [
        {"parameters": {"binary_data_output": True}},
        {"outputs": [{"name": "variable", "parameters": {"binary_data": True}}]},
    ],
)
def test_binary_answers(matrix_scorer: ScorerProcess, asked: dict[str, Any]) -> None:
    answer = ask_binary(
        matrix_scorer, {"name": "X", "shape": [3, 10], "datatype": "FP32"}, ROWS.tobytes(), **asked
    )
    length = int(answer.headers["inference-header-content-length"])
    header = json.loads(answer.body[:length])

    assert answer.headers["content-type"] == "application/octet-stream"
    assert header["outputs"][0]["parameters"] == {"binary_data_size": 12}
    assert "data" not in header["outputs"][0]
    np.testing.assert_allclose(
        np.frombuffer(answer.body[length:], np.float32), diabetes()[1].predict(ROWS), rtol=1e-4
    )


def test_a_tensor_at_an_odd_place_is_read(matrix_scorer: ScorerProcess) -> None:
    expected = diabetes()[1].predict(ROWS)
    for length in range(4):
        given = {"name": "X", "shape": [3, 10], "datatype": "FP32"}
        answer = ask_binary(matrix_scorer, given, ROWS.tobytes(), id="x" * length)
        np.testing.assert_allclose(answer.json["outputs"][0]["data"], expected, rtol=1e-4)


def test_bytes_are_pixels_where_the_model_was_trained_on_pictures(
    image_scorer: ScorerProcess,
) -> None:
    pixels = np.full((1, 16, 16, 3), 200, np.uint8)
    shape = {"name": "image", "shape": [1, 16, 16, 3]}
    raw = ask_binary(image_scorer, shape | {"datatype": "UINT8"}, pixels.tobytes())
    scaled = (pixels / np.float32(255)).astype(np.float32)
    plain = ask_binary(image_scorer, shape | {"datatype": "FP32"}, scaled.tobytes())
    picture = jpeg(200)
    packed = struct.pack("<I", len(picture)) + picture
    sent = ask_binary(image_scorer, shape | {"datatype": "BYTES", "shape": [1]}, packed)
    as_json = ask(image_scorer, {"inputs": [tensor(pixels, name="image", datatype="UINT8")]})

    scores = [answer.json["outputs"][0]["data"][0] for answer in (raw, plain, sent, as_json)]
    assert scores == pytest.approx([scores[0]] * 4, abs=1e-3)
    assert scores[0] == pytest.approx(1 / (1 + np.exp(-(200 / 255 - 0.5) * 10)), abs=1e-3)


def test_metadata(matrix_scorer: ScorerProcess) -> None:
    server = matrix_scorer.get("/v2").json
    model = matrix_scorer.get("/v2/models/model").json

    assert server["name"] == "comal"
    assert server["extensions"] == ["binary_tensor_data"]
    assert model == matrix_scorer.get("/v2/models/model/versions/3").json
    assert (model["name"], model["versions"]) == ("model", ["3"])
    assert model["inputs"] == [{"name": "X", "datatype": "FP32", "shape": [-1, 10]}]
    assert model["outputs"] == [{"name": "variable", "datatype": "FP32", "shape": [-1, 1]}]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/model/ready",
        "/v2/models/model/versions/3/ready",
    ],
)
def test_health(matrix_scorer: ScorerProcess, path: str) -> None:
    assert matrix_scorer.get(path).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/other",
        "/v2/models/other/infer",
        "/v2/models/model/versions/4/infer",
        "/v2/models/model/versions/3/nothing",
        "/v2/nothing",
    ],
)
def test_unknown_paths_are_refused_in_the_protocols_words(
    matrix_scorer: ScorerProcess, path: str
) -> None:
    answer = matrix_scorer.get(path)

    assert answer.status == 404
    assert set(answer.json) == {"error"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param([], "no JSON object", id="list"),
        pytest.param(7, "no JSON object", id="number"),
        pytest.param({}, "inputs", id="empty"),
        pytest.param({"inputs": []}, "inputs", id="no-inputs"),
        pytest.param({"inputs": [tensor(), tensor()]}, "one tensor", id="two-inputs"),
        pytest.param({"inputs": [7]}, "inputs", id="input-is-no-object"),
        pytest.param({"inputs": [tensor(name="Y")]}, "'X'", id="other-name"),
        pytest.param({"inputs": [tensor(datatype="FP8")]}, "'FP8'", id="datatype"),
        pytest.param({"inputs": [tensor(datatype=None)]}, "datatype", id="no-datatype"),
        pytest.param({"inputs": [tensor(datatype="BYTES")]}, "BYTES", id="bytes"),
        pytest.param({"inputs": [tensor(shape=[3])]}, "[3]", id="axes"),
        pytest.param({"inputs": [tensor(shape=[10, 3])]}, "[10, 3]", id="transposed"),
        pytest.param({"inputs": [tensor(shape=[0, 10])]}, "at least 1", id="no-rows"),
        pytest.param({"inputs": [tensor(shape=[-1, 10])]}, "at least 1", id="negative"),
        pytest.param({"inputs": [tensor(shape=[True, 10])]}, "at least 1", id="bool-size"),
        pytest.param({"inputs": [tensor(shape=[2**62, 10])]}, "30 values", id="huge"),
        pytest.param({"inputs": [tensor(shape="3")]}, "'3'", id="shape-text"),
        pytest.param({"inputs": [tensor(shape=[1] * 20)]}, "sizes", id="many-axes"),
        pytest.param({"inputs": [tensor(data=[1.0])]}, "1 values", id="too-few"),
        pytest.param({"inputs": [tensor(data=None)]}, "expected a list", id="no-data"),
        pytest.param({"inputs": [tensor(data=["1"] * 30)]}, "no FP32", id="texts"),
        pytest.param({"inputs": [tensor(data=[None] * 30)]}, "no FP32", id="nulls"),
        pytest.param({"inputs": [tensor(data=[True] * 30)]}, "no FP32", id="booleans"),
        pytest.param({"inputs": [tensor(data=[1e300] * 30)]}, "finite", id="too-large"),
        pytest.param({"inputs": [tensor(datatype="INT8")]}, "no INT8", id="fractions"),
        pytest.param(
            {"inputs": [tensor(data=[300] * 30, datatype="UINT8")]}, "UINT8", id="above-range"
        ),
        pytest.param({"id": 7, "inputs": [tensor()]}, "id is 7", id="id-number"),
        pytest.param({"id": "x" * 300, "inputs": [tensor()]}, "id is", id="id-long"),
        pytest.param({"inputs": [tensor()], "outputs": []}, "outputs", id="no-outputs"),
        pytest.param({"inputs": [tensor()], "outputs": [7]}, "outputs[0]", id="output-number"),
        pytest.param(
            {"inputs": [tensor()], "outputs": [{"name": "no"}]}, "variable", id="other-output"
        ),
    ],
)
def test_bad_requests_are_refused(matrix_scorer: ScorerProcess, content: Any, says: str) -> None:
    answer = ask(matrix_scorer, content)

    assert answer.status == 400
    assert set(answer.json) == {"error"}
    assert says in answer.json["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"inputs": [580993278384719394970523402240]}',
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 5000,
        b"NaN",
    ],
)
def test_what_is_no_json_is_refused(matrix_scorer: ScorerProcess, body: bytes) -> None:
    answer = matrix_scorer.request("POST", INFER, body)

    assert (answer.status, set(answer.json)) == (400, {"error"})


@pytest.mark.parametrize(
    ("size", "sent"), [(120, 119), (119, 119), (120, 121), (0, 0), (-1, 120), ("120", 120)]
)
def test_binary_sizes_must_agree(matrix_scorer: ScorerProcess, size: Any, sent: int) -> None:
    parameters = {"binary_data_size": size}
    given = {"name": "X", "shape": [3, 10], "datatype": "FP32", "parameters": parameters}
    header = json.dumps({"inputs": [given]}).encode()
    answer = matrix_scorer.request(
        "POST", INFER, header + bytes(sent), inference_header_content_length=str(len(header))
    )

    assert answer.status == 400


@pytest.mark.parametrize("length", ["", "-1", "abc", "99999", "9" * 5000, "1e3"])
def test_a_wrong_header_length_is_refused(matrix_scorer: ScorerProcess, length: str) -> None:
    body = json.dumps({"inputs": [tensor()]}).encode()
    answer = matrix_scorer.request("POST", INFER, body, inference_header_content_length=length)

    assert answer.status == 400


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(
    matrix_scorer: ScorerProcess, value: float
) -> None:
    rows = ROWS.copy()
    rows[1, 3] = value
    given = {"name": "X", "shape": [3, 10], "datatype": "FP32"}

    answer = ask_binary(matrix_scorer, given, rows.tobytes())

    assert answer.status == 400
    assert "finite" in answer.json["error"]


def test_results_that_are_not_finite_are_unprocessable(matrix_scorer: ScorerProcess) -> None:
    answer = ask(matrix_scorer, {"inputs": [tensor([[3e38, -3e38] * 5])]})

    assert answer.status == 422
