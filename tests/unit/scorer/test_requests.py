"""Good and bad requests against the served models: what each answers."""

from __future__ import annotations

import base64
import json
import socket
from typing import Any

import numpy as np
import pytest

from unit.scorer.model_folders import COLUMNS, diabetes, image_body, jpeg
from unit.scorer.scorer_process import ScorerProcess

ROW = [0.1] * 10
GOOD = json.dumps({"data": [ROW]}).encode()


def matrix(rows: Any) -> bytes:
    return json.dumps({"data": rows}).encode()


def replaced(column: int, value: str) -> bytes:
    numbers = ["0.1"] * 10
    numbers[column] = value
    return ('{"data": [[' + ", ".join(numbers) + "]]}").encode()


def test_scores_are_those_of_the_original_model(matrix_scorer: ScorerProcess) -> None:
    _, original = diabetes()
    rows = np.linspace(-0.1, 0.1, 50).reshape(5, 10)

    answer = matrix_scorer.score(matrix(rows.tolist()))

    assert answer.status == 200
    assert set(answer.json) == {"result"}
    np.testing.assert_allclose(answer.json["result"], original.predict(rows), rtol=1e-4)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"data":[[1,2,3,4,5,6,7,8,9,10]]}', id="whole-numbers"),
        pytest.param(b' \n{ "data" : [[0,0,0,0,0,0,0,0,0,-0.0]] } \n', id="white-space"),
        pytest.param(matrix([ROW, ROW, ROW]), id="several-rows"),
        pytest.param(matrix([ROW] * 5000), id="five-thousand-rows"),
        pytest.param(b'{"data":[[0,0,0,0,0,0,0,0,0,1e-400]]}', id="number-below-all-floats"),
        pytest.param(b'{"method":"predict","data":[[0,0,0,0,0,0,0,0,0,0]]}', id="further-field"),
        pytest.param(b'{"d\\u0061ta":[[0,0,0,0,0,0,0,0,0,0]]}', id="escaped-field-name"),
    ],
)
def test_good_rows_are_scored(matrix_scorer: ScorerProcess, body: bytes) -> None:
    answer = matrix_scorer.score(body)

    assert answer.status == 200
    assert all(np.isfinite(answer.json["result"]))


@pytest.mark.parametrize(
    ("body", "code", "field", "says"),
    [
        pytest.param(b"", "body-not-json", "body", "send", id="empty"),
        pytest.param(b"hello", "body-not-json", "body", "send", id="text"),
        pytest.param(b"\xff\xfe\x00", "body-not-json", "body", "send", id="binary"),
        pytest.param(GOOD[:-1], "body-not-json", "body", "send", id="cut"),
        pytest.param(GOOD + b"x", "body-not-json", "body", "send", id="trailing"),
        pytest.param(b"[" * 100_000, "body-not-json", "body", "send", id="deep-list"),
        pytest.param(b'{"x":' * 50_000, "body-not-json", "body", "send", id="deep-object"),
        pytest.param(b"[]", "body-not-object", "body", "object", id="list"),
        pytest.param(b"null", "body-not-object", "body", "object", id="null"),
        pytest.param(b"{}", "field-missing", "data", "missing", id="no-field"),
        pytest.param(b'{"Data": [[1]]}', "field-missing", "data", "Data", id="misspelled"),
        pytest.param(matrix(None), "field-invalid", "data", "None", id="data-null"),
        pytest.param(matrix("abc"), "field-invalid", "data", "'abc'", id="data-text"),
        pytest.param(matrix([]), "field-invalid", "data", "at least one row", id="no-rows"),
        pytest.param(matrix([[]]), "row-length", "data[0]", "expected 10", id="empty-row"),
        pytest.param(matrix(ROW), "field-invalid", "data[0]", "0.1", id="one-row-unwrapped"),
        pytest.param(matrix([ROW[:9]]), "row-length", "data[0]", "has 9", id="nine"),
        pytest.param(matrix([ROW + ROW]), "row-length", "data[0]", "has 20", id="twenty"),
        pytest.param(matrix([ROW, ROW[:3]]), "row-length", "data[1]", "has 3", id="ragged"),
        pytest.param(matrix([[ROW]]), "row-length", "data[0]", "has 1", id="three-deep"),
        pytest.param(matrix([[ROW] * 10]), "not-a-number", "data[0][0]", "[0.1", id="nested"),
        pytest.param(replaced(3, '"7"'), "not-a-number", "data[0][3]", "'7'", id="text-number"),
        pytest.param(replaced(3, "null"), "not-a-number", "data[0][3]", "None", id="null-number"),
        pytest.param(replaced(3, "true"), "not-a-number", "data[0][3]", "True", id="boolean"),
        pytest.param(replaced(3, "NaN"), "body-not-json", "body", "send", id="nan"),
        pytest.param(replaced(3, "-Infinity"), "body-not-json", "body", "send", id="infinity"),
        pytest.param(replaced(3, "1e999"), "body-not-json", "body", "range", id="above-doubles"),
        pytest.param(replaced(3, "1e300"), "not-a-number", "data[0][3]", "1e+300", id="no-float32"),
        pytest.param(
            replaced(3, "9" * 200), "not-a-number", "data[0][3]", "9999", id="huge-whole-number"
        ),
    ],
)
def test_bad_rows_are_refused(
    matrix_scorer: ScorerProcess, body: bytes, code: str, field: str, says: str
) -> None:
    answer = matrix_scorer.score(body)
    error = answer.json["error"]

    assert (answer.status, error["code"], error["field"]) == (400, code, field)
    assert says in error["message"]
    assert "Traceback" not in answer.body.decode()


def test_a_wrong_row_names_the_expected_columns(matrix_scorer: ScorerProcess) -> None:
    message = matrix_scorer.score(matrix([ROW[:9]])).json["error"]["message"]

    assert ", ".join(COLUMNS) in message


def test_finite_rows_with_an_infinite_result_are_unprocessable(
    matrix_scorer: ScorerProcess,
) -> None:
    answer = matrix_scorer.score(matrix([[3e38, -3e38] * 5]))

    assert (answer.status, answer.json["error"]["code"]) == (422, "result-not-finite")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("POST", "/nothing", {}, 404, "not-found"),
        ("GET", "/score/", {}, 404, "not-found"),
        ("GET", "/../etc/passwd", {}, 404, "not-found"),
        ("GET", "/score", {}, 405, "method-not-allowed"),
        ("DELETE", "/score", {}, 405, "method-not-allowed"),
        ("PUT", "/score", {}, 405, "method-not-allowed"),
        ("POST", "/readyz", {}, 405, "method-not-allowed"),
        ("POST", "/score", {"content_type": "text/plain"}, 415, "content-type-unsupported"),
        ("POST", "/score", {"content_type": "application/jsonp"}, 415, "content-type-unsupported"),
        ("POST", "/score", {"content_encoding": "gzip"}, 415, "content-encoding-unsupported"),
    ],
)
def test_wrong_requests_are_refused(
    matrix_scorer: ScorerProcess,
    *,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    answer = matrix_scorer.request(method, path, GOOD if method == "POST" else None, **headers)

    assert (answer.status, answer.json["error"]["code"]) == (status, code)


def test_a_refused_method_names_the_allowed_one(matrix_scorer: ScorerProcess) -> None:
    assert matrix_scorer.get("/score").headers["allow"] == "POST"


@pytest.mark.parametrize(
    "content_type", [None, "application/json; charset=utf-8", "APPLICATION/JSON"]
)
def test_json_is_accepted_however_it_is_named(
    matrix_scorer: ScorerProcess, content_type: str | None
) -> None:
    assert matrix_scorer.score(GOOD, content_type=content_type).status == 200


@pytest.mark.parametrize("size", [4 * 2**20 + 1, 12 * 2**20])
def test_a_body_over_the_limit_is_refused(matrix_scorer: ScorerProcess, size: int) -> None:
    answer = matrix_scorer.score(b" " * size)

    assert (answer.status, answer.json["error"]["code"]) == (413, "body-too-large")


def test_a_body_of_unknown_length_is_read_and_limited(matrix_scorer: ScorerProcess) -> None:
    def send(body: bytes) -> bytes:
        head = b"POST /score HTTP/1.1\r\nhost: a\r\nconnection: close\r\n"
        chunk = f"transfer-encoding: chunked\r\n\r\n{len(body):x}\r\n".encode()
        with socket.create_connection(("127.0.0.1", matrix_scorer.port)) as connection:
            connection.sendall(head + chunk + body + b"\r\n0\r\n\r\n")
            return connection.makefile("rb").readline()

    assert b" 200 " in send(GOOD)
    assert b" 413 " in send(b" " * (4 * 2**20 + 1))


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/", "text/html", b"Healthy"),
        ("/livez", "text/plain", b"ok"),
        ("/readyz", "text/plain", b"ok"),
    ],
)
def test_health_pages(matrix_scorer: ScorerProcess, path: str, kind: str, body: bytes) -> None:
    answer = matrix_scorer.get(path)

    assert (answer.status, answer.headers["content-type"], answer.body) == (200, kind, body)


def test_headers_tell_who_answered(matrix_scorer: ScorerProcess) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    for body, status in ((GOOD, 200), (b"", 400)):
        answer = matrix_scorer.score(body, x_request_id="abc-1", traceparent=trace)

        assert answer.status == status
        assert answer.headers["x-request-id"] == "abc-1"
        assert answer.headers["traceparent"] == trace
        assert answer.headers["x-comal-model-version"] == "3"
        assert answer.headers["x-comal-revision"] == "7c9f"


@pytest.mark.parametrize("given", [None, "", "a b", "x" * 500, '"}{', "na\xefve"])
def test_a_request_without_a_harmless_id_gets_one(
    matrix_scorer: ScorerProcess, given: str | None
) -> None:
    answer = matrix_scorer.score(GOOD, x_request_id=given)

    assert answer.status == 200
    assert len(bytes.fromhex(answer.headers["x-request-id"])) == 16


@pytest.mark.parametrize(("shade", "label"), [(0, "dark"), (255, "light"), (90, "dark")])
def test_pictures_are_labelled(image_scorer: ScorerProcess, shade: int, label: str) -> None:
    answer = image_scorer.score(image_body(jpeg(shade)))

    assert answer.status == 200
    # A JSON string that holds JSON.
    inner = json.loads(answer.json)
    expected = 1 / (1 + np.exp(-(shade / 255 - 0.5) * 10))
    assert inner["label"] == label
    assert float(inner["probability"]) == pytest.approx(max(expected, 1 - expected), abs=1e-3)


def test_grey_and_progressive_pictures_are_labelled(image_scorer: ScorerProcess) -> None:
    assert image_scorer.score(image_body(jpeg(200, progressive=True))).status == 200
    assert image_scorer.score(image_body(jpeg(200, size=(1, 1)))).status == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"{}", "field-invalid", id="missing"),
        pytest.param(b'{"data": 7}', "field-invalid", id="number"),
        pytest.param(b'{"data": [[1]]}', "field-invalid", id="matrix"),
        pytest.param(b"\xff\xd8\xff\xe0", "field-invalid", id="raw-jpeg"),
        pytest.param(b'{"data": ""}', "not-a-picture", id="empty"),
        pytest.param(b'{"data": "not base64!"}', "not-base64", id="no-base64"),
        pytest.param(b'{"data": "\xc3\xa9"}', "not-base64", id="not-ascii"),
        pytest.param(image_body(b"GIF89a........"), "not-a-picture", id="gif"),
        pytest.param(image_body(b"\x89PNG\r\n\x1a\n" + b"0" * 50), "not-a-picture", id="png"),
        pytest.param(image_body(b"\xff\xd8\xff"), "not-a-picture", id="only-the-start"),
        pytest.param(image_body(jpeg()[:200]), "not-a-picture", id="cut-in-the-header"),
        pytest.param(
            image_body(jpeg(9, (400, 400))[:-800]), "not-a-picture", id="cut-in-the-picture"
        ),
        pytest.param(
            image_body(jpeg(size=(2000, 2000))), "image-too-large", id="four-million-pixels"
        ),
        pytest.param(
            image_body(jpeg() + b"\xff\xda" * 100), "image-too-complex", id="a-hundred-scans"
        ),
    ],
)
def test_what_is_no_picture_is_refused(image_scorer: ScorerProcess, body: bytes, code: str) -> None:
    answer = image_scorer.score(body)
    error = answer.json["error"]

    assert (answer.status, error["code"], error["field"]) == (400, code, "data")


def test_a_data_url_is_explained(image_scorer: ScorerProcess) -> None:
    text = "data:image/jpeg;base64," + base64.b64encode(jpeg()).decode()

    answer = image_scorer.score(json.dumps({"data": text}).encode())

    assert answer.status == 400
    assert "base64 of a JPEG file" in answer.json["error"]["message"]
