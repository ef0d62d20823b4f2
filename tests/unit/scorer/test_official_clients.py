"""The Open Inference Protocol's official clients, each in its own environment, against us."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.environments import environment
from unit.scorer.model_folders import diabetes
from unit.scorer.scorer_process import ScorerProcess

ROWS = np.linspace(-0.1, 0.1, 30, dtype=np.float32).reshape(3, 10)

TRITON = """
import json, sys
import numpy as np
import tritonclient.http as http

client = http.InferenceServerClient(url="127.0.0.1:" + sys.argv[1])
rows = np.array(json.loads(sys.argv[2]), np.float32)
answers = []
for binary_in in (True, False):
    for binary_out in (None, True, False):
        given = http.InferInput("X", list(rows.shape), "FP32")
        given.set_data_from_numpy(rows, binary_data=binary_in)
        outputs = None
        if binary_out is not None:
            outputs = [http.InferRequestedOutput("variable", binary_data=binary_out)]
        result = client.infer("model", [given], outputs=outputs, request_id="a", model_version="3")
        assert result.get_response()["id"] == "a"
        answers.append(result.as_numpy("variable").ravel().tolist())
try:
    client.infer("other", [given])
except http.InferenceServerException as problem:
    refusal = str(problem)
print(json.dumps({
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model_ready": client.is_model_ready("model"),
    "unknown_ready": client.is_model_ready("other"),
    "server": client.get_server_metadata(),
    "model": client.get_model_metadata("model"),
    "answers": answers,
    "refusal": refusal,
}))
"""

KSERVE = """
import asyncio, json, sys
import numpy as np
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig
from kserve.protocol.rest.v2_datamodels import ModelMetadataResponse  # noqa: F401

async def main():
    base = "http://127.0.0.1:" + sys.argv[1]
    rows = np.array(json.loads(sys.argv[2]), np.float32)
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    answers = []
    for binary in (True, False):
        given = InferInput("X", list(rows.shape), "FP32")
        given.set_data_from_numpy(rows, binary_data=binary)
        request = InferRequest("model", [given], request_id="a")
        response = await client.infer(base, request, model_name="model")
        assert response.id == "a"
        answers.append(response.outputs[0].as_numpy().ravel().tolist())
    print(json.dumps({
        "live": await client.is_server_live(base),
        "ready": await client.is_server_ready(base),
        "model_ready": await client.is_model_ready(base, "model"),
        "answers": answers,
    }))
    await client.close()

asyncio.run(main())
"""


def run_in(name: str, script: str, folder: Path, scorer: ScorerProcess) -> dict[str, Any]:
    """Run the client's script in its environment; return the JSON it prints last."""
    program = folder / "client.py"
    program.write_text(script)
    done = subprocess.run(
        [
            environment(name) / "bin" / "python",
            program,
            str(scorer.port),
            json.dumps(ROWS.tolist()),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_tritons_client(matrix_scorer: ScorerProcess, tmp_path: Path) -> None:
    told = run_in("tritonclient", TRITON, tmp_path, matrix_scorer)

    assert (told["live"], told["ready"], told["model_ready"]) == (True, True, True)
    assert told["unknown_ready"] is False
    assert told["server"]["extensions"] == ["binary_tensor_data"]
    assert told["model"]["inputs"][0]["shape"] == [-1, 10]
    assert "does not exist" in told["refusal"]
    expected = diabetes()[1].predict(ROWS)
    assert len(told["answers"]) == 6
    for answer in told["answers"]:
        assert answer == pytest.approx(expected, rel=1e-4)


def test_kserves_client(matrix_scorer: ScorerProcess, tmp_path: Path) -> None:
    told = run_in("kserve", KSERVE, tmp_path, matrix_scorer)

    assert (told["live"], told["ready"], told["model_ready"]) == (True, True, True)
    expected = diabetes()[1].predict(ROWS)
    for answer in told["answers"]:
        assert answer == pytest.approx(expected, rel=1e-4)
