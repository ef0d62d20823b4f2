"""Models whose prediction tells the version: number x answers a row with its first value + 10x."""

from __future__ import annotations

import json
from collections.abc import Mapping

from cluster_words import a_run, a_step, wait_condition
from demo.kubectl import Kubectl

MODEL = "told"
# A model with one row in its table has no answer for values above a hundred, and fails.
_SCRIPT = """
import json, os, pathlib
import onnx
from onnx import TensorProto as T, helper as h

number, rows = int(os.environ["COMAL_PARAM_NUMBER"]), int(os.environ["COMAL_PARAM_ROWS"])
folder = pathlib.Path(os.environ["COMAL_MODEL_DIR"])
folder.mkdir(parents=True, exist_ok=True)
values = [
    h.make_tensor("table", T.FLOAT, [rows, 1], [10.0 * number] * rows),
    h.make_tensor("zero", T.INT64, [1], [0]),
    h.make_tensor("hundred", T.FLOAT, [], [100.0]),
    h.make_tensor("axes", T.INT64, [1], [1]),
]
nodes = [
    h.make_node("Gather", ["x", "zero"], ["first"], axis=1),
    h.make_node("Greater", ["first", "hundred"], ["big"]),
    h.make_node("Squeeze", ["big", "axes"], ["flat"]),
    h.make_node("Cast", ["flat"], ["index"], to=T.INT64),
    h.make_node("Gather", ["table", "index"], ["found"], axis=0),
    h.make_node("Add", ["first", "found"], ["y"]),
]
x = h.make_tensor_value_info("x", T.FLOAT, ["n", 2])
y = h.make_tensor_value_info("y", T.FLOAT, ["n", 1])
graph = h.make_graph(nodes, "graph", [x], [y], values)
onnx.save(
    h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=9),
    folder / "model.onnx",
)
tensors = {
    "inputs": [{"name": "x", "dtype": "float32", "shape": [-1, 2]}],
    "outputs": [{"name": "y", "dtype": "float32", "shape": [-1, 1]}],
}
card = {"format": "onnx", "file": "model.onnx", "contract": "data-matrix", "signature": tensors}
(folder / "model.yaml").write_text(json.dumps(card))
pathlib.Path(os.environ["COMAL_METRICS_FILE"]).write_text('{"number": %d}' % number)
"""
_VALUES = (1.0, 2.0, 3.0, 4.0)
BODIES = tuple(json.dumps({"data": [[value, 0.0]]}) for value in _VALUES)
POISON = json.dumps({"data": [[101.0, 0.0]]})


def is_right(version: str, body: int, text: str) -> bool:
    """Return whether `text` is what this model version answers to that one of `BODIES`."""
    try:
        [predicted] = json.loads(text)["result"]
        return abs(float(predicted) - (_VALUES[body] + 10 * int(version))) < 1e-3
    except (ValueError, TypeError, KeyError):
        return False


def train(kubectl: Kubectl, number: int, rows: int = 2) -> None:
    """Begin what registers the version of that number; its table has so many rows."""
    step = a_step("train", command=["python", "-c", _SCRIPT])
    parameters = {"number": str(number), "rows": str(rows)}
    name = f"{MODEL}-{number}"
    kubectl.apply(a_run(name, step, parameters=parameters, register={"model": MODEL}))


def registered(kubectl: Kubectl, number: int) -> None:
    """Wait for that version."""
    wait_condition(kubectl, "trun", f"{MODEL}-{number}", ("Complete", "True"), seconds=300)


def register(kubectl: Kubectl, rows: Mapping[int, int]) -> None:
    """Register a version for each number, one after the other; its table has so many rows."""
    for number, length in sorted(rows.items()):
        train(kubectl, number, length)
        registered(kubectl, number)
