"""Microsoft's own inference server with a scoring script, as the oracle of `aml-v1`."""

from __future__ import annotations

import http.client
import os
import subprocess
import time
from pathlib import Path

from bench.environments import environment
from unit.scorer.scorer_process import Answer, free_port

_PATIENCE = 60.0

# The diabetes sample's script, as Azure ML's documentation writes one with a declared input.
DECLARED = """
import json, numpy as np, onnxruntime
from inference_schema.schema_decorators import input_schema, output_schema
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType

def init():
    global session
    session = onnxruntime.InferenceSession({model!r}, providers=["CPUExecutionProvider"])

@input_schema("data", NumpyParameterType(np.zeros((1, 10))))
@output_schema(NumpyParameterType(np.zeros(1)))
def run(data):
    rows = data.astype(np.float32)
    return {{"result": session.run(None, {{"X": rows}})[0].ravel().tolist()}}
"""


class AzureMlServer:
    """One worker of azmlinfsrv on a free port."""

    def __init__(self, folder: Path, script: str) -> None:
        programs = environment("azureml") / "bin"
        self.port = free_port()
        entry = folder / "score.py"
        entry.write_text(script)
        self._log = (folder / "oracle.log").open("w+b")
        self.process = subprocess.Popen(
            [programs / "azmlinfsrv", "--entry_script", entry, "--port", str(self.port)],
            cwd=folder,
            env=os.environ | {"AML_APP_INSIGHTS_ENABLED": "false", "WORKER_COUNT": "1"},
            stdout=self._log,
            stderr=self._log,
        )

    def wait_ready(self) -> AzureMlServer:
        limit = time.monotonic() + _PATIENCE
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                if self.request("GET", "/").status == 200:
                    return self
            except OSError:
                time.sleep(0.05)
        self._log.seek(0)
        raise AssertionError(f"the oracle is not ready: {self._log.read().decode()}")

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        named = {"content_type": "application/json"} | headers if body is not None else headers
        sent = {name.replace("_", "-"): value for name, value in named.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(_PATIENCE)
        self._log.close()
