"""A function of TensorFlow's as ONNX: the same network, the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from comal_trainer.conversion.canonical import name_constants_by_content

_OPSET: Final = 18


def onnx_of(answer: Callable[[Any], Any], spec: Any) -> bytes:
    """Return the ONNX form of a function of one tensor."""
    import tensorflow as tf  # noqa: PLC0415
    import tf2onnx  # noqa: PLC0415

    function = tf.function(answer, input_signature=[spec])
    converted, _ = tf2onnx.convert.from_function(function, input_signature=[spec], opset=_OPSET)
    name_constants_by_content(converted.graph)
    for value in (*converted.graph.input, *converted.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    content: bytes = converted.SerializeToString(deterministic=True)
    return content
