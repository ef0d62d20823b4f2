from __future__ import annotations

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from comal_trainer.conversion.canonical import name_constants_by_content


def a_model(names: tuple[str, str, str]) -> ModelProto:
    """Return x·w + b + b, with b twice, under these names and in their order."""
    weights = {"w": [[1], [2]], "b": [3], "c": [3]}
    constants = [
        numpy_helper.from_array(np.array(weights[name[0]], np.float32), name) for name in names
    ]
    w, b, c = sorted(names, key=lambda name: "wbc".index(name[0]))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", w], ["m"]),
            helper.make_node("Add", ["m", b], ["n"]),
            helper.make_node("Add", ["n", c], ["y"]),
        ],
        "g",
        [value("x", TensorProto.FLOAT, ["batch", 2])],
        [value("y", TensorProto.FLOAT, ["batch", 1])],
        constants,
    )
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9)


def test_names_and_order_leave_no_trace_in_the_bytes_nor_in_the_answers() -> None:
    import onnxruntime  # noqa: PLC0415 - takes a second

    first, second = a_model(("w1", "b1", "c1")), a_model(("c7", "w9", "b8"))
    for model in (first, second):
        name_constants_by_content(model.graph)
    assert first.SerializeToString() == second.SerializeToString()
    assert len(first.graph.initializer) == 2
    session = onnxruntime.InferenceSession(
        first.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert session.run(None, {"x": np.array([[10, 100]], np.float32)})[0].tolist() == [[216.0]]
