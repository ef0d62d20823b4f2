"""ONNX graphs that reach outside, ask for too much, or never come to an end."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from unit.scorer.litert_models import weighted_litert

_OPSET = [helper.make_opsetid("", 18), helper.make_opsetid("evil", 1)]


def graphs() -> dict[str, bytes]:
    """Every graph by what is wrong with it."""
    outside = {
        "absolute": "/etc/passwd",
        "parent": "../../../etc/passwd",
        "inner-parent": "a/../../config.json",
        "environment": "/proc/self/environ",
        "device": "/dev/zero",
        "missing": "weights.bin",
        "memory": "*/_ORT_MEM_ADDR_/*",
    }
    made = {f"external-{name}": external(location) for name, location in outside.items()}
    good = external("x")
    node = helper.make_node
    return made | {
        "custom-operator": graph([node("PyOp", ["x"], ["y"], domain="evil", module="os")]),
        "unknown-operator": graph([node("Exec", ["x"], ["y"])]),
        "python-operator": graph([node("PythonOp", ["x"], ["y"], domain="com.microsoft")]),
        "endless-loop": endless(),
        "terabytes": terabytes(),
        "five-axes": graph([node("Identity", ["x"], ["y"])], dims=[1, 1, 1, 1, 4]),
        "no-nodes": graph([]),
        "cycle": graph([node("Add", ["x", "y"], ["z"]), node("Identity", ["z"], ["y"])]),
        "two-inputs": graph([node("Add", ["x", "x2"], ["y"])], inputs=2),
        "text-input": graph([node("Identity", ["x"], ["y"])], kind=TensorProto.STRING),
        "cut": good[: len(good) // 2],
        "empty": b"",
        "random": np.random.default_rng(1).bytes(4096),
        "ort-format": b"\x20\x00\x00\x00ORTM" + bytes(256),
    }


def litert_files() -> dict[str, bytes]:
    """LiteRT files that are damaged in the middle, where no magic number tells."""
    good = weighted_litert([1.0, 2.0, 3.0, 4.0]).files["serving/model.tflite"]
    made = {"tflite-empty": b"", "tflite-magic-alone": good[:8], "tflite-cut": good[:300]}
    for seed in range(6):
        random = np.random.default_rng(seed)
        damaged = bytearray(good)
        for place in random.integers(8, len(good), 40):
            damaged[place] = 0xFF
        made[f"tflite-damaged-{seed}"] = bytes(damaged)
    return made


def external(location: str) -> bytes:
    """A graph whose weights lie in another file."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4, 1], bytes(16), raw=True)
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "16")):
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    return graph([helper.make_node("MatMul", ["x", "w"], ["y"])], constants=[weights])


def endless() -> bytes:
    """A graph that counts for ever."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["carried", "carried"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )
    constants = [
        numpy_helper.from_array(np.array(2**62, np.int64), "turns"),
        numpy_helper.from_array(np.array(True), "start"),
    ]
    loop = helper.make_node("Loop", ["turns", "start", "x"], ["y"], body=body)
    return graph([loop], constants=constants)


def terabytes() -> bytes:
    """A graph of a hundred bytes that asks for terabytes."""
    shape = numpy_helper.from_array(np.array([10**12, 4], np.int64), "shape")
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceSum", ["huge"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    return graph(nodes, constants=[shape])


def graph(
    nodes: list[Any],
    *,
    inputs: int = 1,
    constants: list[Any] | None = None,
    dims: list[int] | None = None,
    kind: int = TensorProto.FLOAT,
) -> bytes:
    names = ["x", *(f"x{index + 2}" for index in range(inputs - 1))]
    shape: list[Any] = dims or ["n", 4]
    content = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kind, shape) for name in names],
        [helper.make_tensor_value_info("y", kind, None)],
        constants or [],
    )
    model = helper.make_model(content, opset_imports=_OPSET, ir_version=9)
    return bytes(model.SerializeToString())
