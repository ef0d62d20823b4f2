"""`aml-v1` against Microsoft's own server: the same request to both, the same answer."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from unit.scorer.azureml_server import DECLARED, AzureMlServer
from unit.scorer.conftest import Start
from unit.scorer.model_folders import brightness, diabetes, image_body, jpeg
from unit.scorer.scorer_process import Answer, ScorerProcess

ROW = [0.1] * 10
GOOD = json.dumps({"data": [ROW]}).encode()
SCRIPT_FAILED = "An unexpected error occurred in scoring script. Check the logs for more info."


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureMlServer]:
    folder = tmp_path_factory.mktemp("oracle")
    model = folder / "model.onnx"
    model.write_bytes(diabetes()[0].files["serving/model.onnx"])
    server = AzureMlServer(folder, DECLARED.format(model=str(model)))
    yield server.wait_ready()
    server.stop()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScorerProcess]:
    folder = tmp_path_factory.mktemp("ours")
    scorer = ScorerProcess(diabetes()[0], folder, COMAL_MODE="aml-v1").wait_ready()
    yield scorer
    scorer.stop()


# Other in every answer; only that they are there can be compared.
GENERATED = {"x-ms-run-fn-exec-ms", "x-ms-server-version"}


def told(answer: Answer) -> dict[str, object]:
    """Return what a client may rely on."""
    named = {
        name: "" if name in GENERATED else value
        for name, value in answer.headers.items()
        if name.startswith("x-") or name == "traceid"
    }
    kind = answer.headers["content-type"].partition(";")[0]
    return {"status": answer.status, "content-type": kind, **named}


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        pytest.param("POST", "/score", GOOD, {}, id="good"),
        pytest.param("POST", "/score", GOOD, {"content_type": "text/plain"}, id="not-json-type"),
        pytest.param("GET", "/score?data=[[0,0,0,0,0,0,0,0,0,0]]", None, {}, id="query"),
        pytest.param("GET", "/score?other=1", None, {}, id="query-without-data"),
        pytest.param("OPTIONS", "/score", None, {}, id="options"),
        pytest.param("DELETE", "/score", None, {}, id="delete"),
        pytest.param("PUT", "/score", GOOD, {}, id="put"),
        pytest.param("GET", "/nothing", None, {}, id="no-such-page"),
        pytest.param("POST", "/score", b"", {}, id="empty"),
        pytest.param("POST", "/score", b"{", {}, id="cut"),
        pytest.param("POST", "/score", b"[1]", {}, id="list"),
        pytest.param("POST", "/score", b"{}", {}, id="no-data"),
        pytest.param("POST", "/score", b'{"data": "abc"}', {}, id="text"),
        pytest.param("POST", "/score", b'{"data": [[1, 2]]}', {}, id="too-few"),
        pytest.param("POST", "/score", GOOD, {"x_ms_request_id": "b"}, id="legacy-id"),
        pytest.param("POST", "/score", GOOD, {"x_ms_client_request_id": "c"}, id="client-id"),
        pytest.param("POST", "/score", GOOD, {"TraceId": "t"}, id="trace-id"),
        pytest.param("POST", "/score", GOOD, {"x_ms_request_id": "x" * 101}, id="long-legacy-id"),
    ],
)
def test_both_answer_alike(
    oracle: AzureMlServer,
    ours: ScorerProcess,
    *,
    method: str,
    path: str,
    body: bytes | None,
    headers: dict[str, str],
) -> None:
    headers = {"x_request_id": "a", **headers}
    theirs = oracle.request(method, path, body, **headers)
    mine = ours.request(method, path, body, **headers)

    # Ours always says ids and version, theirs forgets them for unknown pages.
    assert told(theirs).items() <= told(mine).items()
    if theirs.status == 200 and theirs.body:
        assert mine.json["result"] == pytest.approx(theirs.json["result"])
    elif theirs.body:
        # What a JSON parser says of a body differs from parser to parser.
        before = "decoded as JSON: "
        assert mine.json["message"].split(before)[0] == theirs.json["message"].split(before)[0]


def test_a_long_id_is_refused_by_both(oracle: AzureMlServer, ours: ScorerProcess) -> None:
    theirs = oracle.request("POST", "/score", GOOD, x_request_id="x" * 101)
    mine = ours.request("POST", "/score", GOOD, x_request_id="x" * 101)

    assert (mine.status, mine.json) == (theirs.status, theirs.json)


def test_milliseconds_are_written_alike(oracle: AzureMlServer, ours: ScorerProcess) -> None:
    for server in (oracle, ours):
        answer = server.request("POST", "/score", GOOD)
        number = answer.headers["x-ms-run-fn-exec-ms"]
        assert number == f"{float(number):.3f}"
        assert answer.headers["x-ms-server-version"]
        assert answer.headers["x-request-id"] == answer.headers["x-ms-request-id"]


def test_pictures_fail_as_in_a_script_that_reads_the_body(start: Start) -> None:
    scorer = start(brightness(), COMAL_MODE="aml-v1").wait_ready()

    good = scorer.score(image_body(jpeg(250)))
    bad = scorer.score(b'{"data": "!"}')

    assert json.loads(good.json)["label"] == "light"
    assert good.headers["x-ms-run-function-failed"] == "False"
    assert (bad.status, bad.json) == (500, {"message": SCRIPT_FAILED})
    assert bad.headers["x-ms-run-function-failed"] == "True"
