"""Models that are scripts: `init()` and `run()`, packaged as artifacts."""

from __future__ import annotations

from unit.scorer.model_folders import Package

DECLARED = """
import numpy as np
from inference_schema.schema_decorators import input_schema, output_schema
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType

def init():
    global factor
    factor = 2

@input_schema("method", StandardPythonParameterType("predict"))
@input_schema("data", NumpyParameterType(np.array([[1.0, 2.0]])))
@output_schema(StandardPythonParameterType({"result": [1.0]}))
def run(data, method="predict"):
    if method != "predict":
        raise ValueError("secret of the script")
    return {"result": data.sum(axis=1) * factor}
"""

PLAIN = """
import json, os, signal, sys, time

def init():
    global folder
    folder = os.environ["AZUREML_MODEL_DIR"]
    print("printed by init")

def run(raw, request_headers):
    given = json.loads(raw)
    if given == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if given == "sleep":
        time.sleep(30)
    if given == "raise":
        raise RuntimeError("secret of the script")
    if given == "text":
        return "plain"
    if given == "header":
        return request_headers["X-Given"]
    if given == "files":
        return sorted(os.listdir(folder))
    if given == "pid":
        return os.getpid()
    return given
"""

RAW = """
from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse

def init():
    pass

@rawhttp
def run(request):
    assert isinstance(request, AMLRequest)
    if request.method == "GET":
        return AMLResponse(request.args, 200, json_str=True)
    if request.headers["Content-Type"] == "image/jpeg":
        named = {"Content-Type": "image/jpeg", "X-Own": "1"}
        return AMLResponse(request.get_data()[::-1], 201, named)
    return AMLResponse("teapot", 418)
"""


def script(source: str, **files: bytes) -> Package:
    """Return the artifact of a script model."""
    card = {"format": "script", "contract": "script", "file": "code/score.py"}
    named = {name.replace("__", "/").replace("_py", ".py"): body for name, body in files.items()}
    return Package(card, {"code/score.py": source.encode(), **named})
