"""A model that is trained in seconds, and a version of it that cannot answer everything."""

from __future__ import annotations

import json

from cluster_words import a_run, a_step, wait_condition
from demo.kubectl import Kubectl

# With two rows it has an answer for numbers above one; with one row it reads beyond its table there
# and fails.
MODEL = """
import json, os, pathlib
import onnx
from onnx import TensorProto as T, helper as h

rows = int(os.environ["COMAL_PARAM_ROWS"])
folder = pathlib.Path(os.environ["COMAL_MODEL_DIR"])
folder.mkdir(parents=True, exist_ok=True)
values = [
    h.make_tensor("table", T.FLOAT, [rows, 1], [float(n) for n in range(rows)]),
    h.make_tensor("zero", T.INT64, [1], [0]),
    h.make_tensor("one", T.FLOAT, [], [1.0]),
    h.make_tensor("axes", T.INT64, [1], [1]),
]
nodes = [
    h.make_node("Gather", ["x", "zero"], ["first"], axis=1),
    h.make_node("Greater", ["first", "one"], ["big"]),
    h.make_node("Squeeze", ["big", "axes"], ["flat"]),
    h.make_node("Cast", ["flat"], ["index"], to=T.INT64),
    h.make_node("Gather", ["table", "index"], ["y"], axis=0),
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
pathlib.Path(os.environ["COMAL_METRICS_FILE"]).write_text('{"rows": %d}' % rows)
print(f"trained a table of {rows} rows")
"""
GOOD, POISON = json.dumps({"data": [[0.5, 1.0]]}), json.dumps({"data": [[5.0, 1.0]]})


def make(kubectl: Kubectl, name: str, rows: int) -> None:
    """Train and register a version with that many rows, and wait for it."""
    step = a_step("train", command=["python", "-c", MODEL])
    run = a_run(name, step, parameters={"rows": str(rows)}, register={"model": "table"})
    kubectl.apply(run)
    wait_condition(kubectl, "trun", name, ("Complete", "True"), seconds=240)


def make_three(kubectl: Kubectl) -> None:
    """Make two versions that answer alike for GOOD and POISON, and a third that fails at POISON."""
    make(kubectl, "first", 2)
    make(kubectl, "second", 3)
    make(kubectl, "third", 1)
