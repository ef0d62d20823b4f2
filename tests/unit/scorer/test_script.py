"""A user's `init()/run()` script: what it is given, what callers get, how it fails."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from unit.scorer.conftest import Start
from unit.scorer.model_folders import diabetes
from unit.scorer.scorer_process import Answer, ScorerProcess
from unit.scorer.script_folders import DECLARED, PLAIN, RAW, script

RUN = {"COMAL_SCRIPT": "model", "COMAL_THREADS": "1"}


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    scorer = ScorerProcess(script(DECLARED), tmp_path_factory.mktemp("declared"), **RUN)
    yield scorer.wait_ready()
    scorer.stop()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Any:
    scorer = ScorerProcess(script(PLAIN), tmp_path_factory.mktemp("plain"), **RUN)
    yield scorer.wait_ready()
    scorer.stop()


def ask(scorer: ScorerProcess, content: Any, **headers: str) -> Answer:
    return scorer.score(json.dumps(content).encode(), **headers)


def test_declared_inputs_arrive_as_arrays(declared: ScorerProcess) -> None:
    assert ask(declared, {"data": [[1, 2], [3, 4]]}).json == {"result": [6.0, 14.0]}
    assert declared.get("/score?data=[[1,2]]").json == {"result": [6.0]}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"{", "decoded"),
        (b"[1]", "dictionary"),
        (b"{}", "'data'"),
        (b'{"data": [[NaN, 1]]}', "NaN"),
    ],
)
def test_input_that_run_is_not_called_with(declared: ScorerProcess, body: bytes, says: str) -> None:
    answer = declared.score(body)

    assert answer.status == 400
    assert says in answer.json["error"]["message"]


def test_a_declared_script_takes_json_only(declared: ScorerProcess) -> None:
    assert declared.score(b'{"data": [[1, 2]]}', content_type="text/plain").status == 415


@pytest.mark.parametrize("body", [b'{"data": "x"}', b'{"data": [[1, 2]], "method": "other"}'])
def test_what_run_raises_is_in_the_log_alone(declared: ScorerProcess, body: bytes) -> None:
    answer = declared.score(body, x_request_id="seen")

    assert (answer.status, answer.json["error"]["code"]) == (500, "script-failed")
    assert "secret" not in answer.body.decode()
    assert "request seen: run() raised" in declared.errors()


def test_the_schemas_are_the_scripts_own(declared: ScorerProcess) -> None:
    schemas = declared.get("/openapi.json").json["components"]["schemas"]

    assert set(schemas["ServiceInput"]["properties"]) == {"data", "method"}
    assert schemas["ServiceInput"]["example"]["data"] == [[1.0, 2.0]]
    assert "ServiceInput" in declared.get("/swagger.json").json["definitions"]


@pytest.mark.parametrize("content", [{"a": [1, None]}, [1.5], 7, "x", None, True])
def test_a_plain_script_gets_the_body_as_text(plain: ScorerProcess, content: Any) -> None:
    assert ask(plain, content).json == content


def test_a_query_arrives_as_json(plain: ScorerProcess) -> None:
    answer = plain.get("/score?image=http://x/y.jpg&k=[1,2]&z=1&z=b")

    assert answer.json == {"image": "http://x/y.jpg", "k": [1, 2], "z": [1, "b"]}


def test_text_headers_and_files(plain: ScorerProcess) -> None:
    assert ask(plain, "text").json == "plain"
    assert ask(plain, "header", X_Given="yes").json == "yes"
    assert {"code", "config.json", "manifest.json"} == set(ask(plain, "files").json)
    assert plain.score(b"\xff").status == 400
    assert all("printed" not in str(line) for line in plain.log_lines(at_least=1))


def test_a_worker_that_dies_is_replaced(start: Start) -> None:
    scorer = start(script(PLAIN), **RUN).wait_ready()
    first = ask(scorer, "pid").json

    died = ask(scorer, "die")
    while (answer := ask(scorer, "pid")).status == 503:
        assert answer.headers["retry-after"]

    assert (died.status, died.json["error"]["code"]) == (500, "script-died")
    assert answer.json != first
    assert scorer.get("/readyz").status == 200


def test_a_run_that_takes_too_long_is_ended(start: Start) -> None:
    scorer = start(script(PLAIN), **RUN, COMAL_SCRIPT_SECONDS="0.5").wait_ready()

    late = ask(scorer, "sleep")
    while (answer := ask(scorer, "text")).status == 503:
        assert scorer.process.poll() is None

    assert (late.status, late.json["error"]["code"]) == (504, "script-timeout")
    assert answer.json == "plain"


def test_raw_requests(start: Start) -> None:
    scorer = start(script(RAW), **RUN).wait_ready()

    picture = scorer.score(b"abc", content_type="image/jpeg")
    assert (picture.status, picture.body) == (201, b"cba")
    assert (picture.headers["content-type"], picture.headers["x-own"]) == ("image/jpeg", "1")
    assert scorer.get("/score?a=b").json == {"a": "b"}
    assert scorer.score(b"{}").status == 418


def test_in_the_words_of_azure_ml(start: Start) -> None:
    scorer = start(script(PLAIN), **RUN, COMAL_MODE="aml-v1").wait_ready()

    good, bad = ask(scorer, "text"), ask(scorer, "raise")

    assert good.json == "plain"
    assert float(good.headers["x-ms-run-fn-exec-ms"]) >= 0
    assert bad.status == 500
    assert bad.json["message"].startswith("An unexpected error occurred in scoring script.")
    assert bad.headers["x-ms-run-function-failed"] == "True"


def test_a_mounted_script_serves_any_model(start: Start, tmp_path: Path) -> None:
    mounted = tmp_path / "mounted.py"
    mounted.write_text(PLAIN)
    scorer = start(diabetes()[0], COMAL_SCRIPT=str(mounted)).wait_ready()

    assert "serving" in ask(scorer, "files").json


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import nothing_like_it\ndef init(): pass\ndef run(a): pass", "spec.image"),
        ("def run(a): pass", "init()"),
        ("def init(): pass", "run()"),
        ("def init(): raise OSError('no disk')\ndef run(a): pass", "OSError: no disk"),
        ("def init(): pass\ndef run(): pass", "no input"),
        ("def init(): pass\ndef run(*a): pass", "*args"),
        ("def init(: pass", "SyntaxError"),
        ("import os; os._exit(3)", "log says why"),
        (DECLARED.replace("* factor", "* missing"), "its own sample"),
    ],
)
def test_a_script_that_cannot_serve_is_never_ready(start: Start, source: str, says: str) -> None:
    scorer = start(script(source), **RUN)

    assert scorer.exit_code() == 1
    message = scorer.termination_message()
    assert message["reason"] == "ModelInvalid"
    assert says in message["message"]
    assert "Traceback" not in message["message"]


def test_nothing_of_a_model_is_executed_unless_the_deployment_says_so(
    start: Start, tmp_path: Path
) -> None:
    canary = tmp_path / "executed"
    source = f"open({str(canary)!r}, 'w')\ndef init(): pass\ndef run(a): return a"
    scorer = start(script(source))

    assert scorer.exit_code() == 1
    assert "COMAL_SCRIPT=model" in scorer.termination_message()["message"]
    assert not canary.exists()


def test_workers_end_with_the_server(start: Start) -> None:
    scorer = start(script(PLAIN), **RUN).wait_ready()
    worker = ask(scorer, "pid").json
    scorer.signal(signal.SIGTERM)

    assert scorer.exit_code() == 0
    assert not Path(f"/proc/{worker}").exists()
