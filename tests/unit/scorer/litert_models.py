"""A LiteRT model written by hand: a fully connected layer, so no TensorFlow is needed here."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from unit.scorer.model_folders import Package

_FLOAT32 = 0
_FULLY_CONNECTED = 9
_VERSION = 3


def weighted_litert(weights: list[float], contract: str = "data-matrix") -> Package:
    """The weighted sum of a row, as the LiteRT file that a conversion leaves."""
    card = {"format": "keras", "contract": contract, "signature": {"inputs": [{"name": "rows"}]}}
    return Package(card, {"serving/model.tflite": _file(weights)})


def _file(weights: list[float]) -> bytes:
    width = len(weights)
    model = schema.ModelT()
    model.version = _VERSION
    model.description = "weighted"
    constant = schema.BufferT()
    constant.data = np.frombuffer(np.array(weights, np.float32).tobytes(), np.uint8)
    model.buffers = [schema.BufferT(), constant]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = _FULLY_CONNECTED
    code.version = 1
    model.operatorCodes = [code]
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0, 1, -1], [2]
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = schema.FullyConnectedOptionsT()
    graph = schema.SubGraphT()
    graph.tensors = [
        _tensor("rows", [1, width], 0, [-1, width]),
        _tensor("weights", [1, width], 1, None),
        _tensor("sum", [1, 1], 0, [-1, 1]),
    ]
    graph.inputs, graph.outputs, graph.operators = [0], [2], [operator]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(name: str, shape: list[int], buffer: int, free: list[int] | None) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer, tensor.type = name, shape, buffer, _FLOAT32
    if free is not None:
        tensor.shapeSignature = free
    return tensor
