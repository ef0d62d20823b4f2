"""Keras to ONNX by tf2onnx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from comal_trainer.card_values import invalid
from comal_trainer.contract import Tensor
from comal_trainer.conversion.canonical import name_constants_by_content
from comal_trainer.conversion.keras_archive import check_archive
from comal_trainer.conversion.parity import Array
from comal_trainer.keras_runtime import load_keras

_OPSET = 18


def from_keras(source: Path, target: Path, wanted: Tensor, samples: Array | None) -> Array | None:
    """Write `target`; return the original's answers to the samples."""
    check_archive(source)
    keras = load_keras()
    import tensorflow as tf  # noqa: PLC0415

    model = keras.saving.load_model(source, compile=False, safe_mode=True)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        counts = f"{len(model.inputs)} inputs and {len(model.outputs)} outputs"
        invalid(f"{source.name} has {counts}; a model with one of each is served")
    shape = (None, *model.inputs[0].shape[1:])
    if any(w not in {-1, f} for w, f in zip(wanted.shape[1:], shape[1:], strict=False)):
        invalid(f"signature: the input is {list(wanted.shape)}, the model's is {list(shape)}")
    dtype = model.inputs[0].dtype
    expected = None if samples is None else model(samples.astype(dtype), training=False).numpy()
    spec = tf.TensorSpec(shape, dtype, name=wanted.name)
    target.write_bytes(_onnx(tf, model, spec))
    return expected


def _onnx(tf: Any, model: Any, spec: Any) -> bytes:
    import tf2onnx  # noqa: PLC0415

    # The name becomes part of the graph; Keras's own would carry a number of the process.
    def answer(rows: Any) -> Any:
        return model(rows, training=False)

    function = tf.function(answer, input_signature=[spec])
    converted, _ = tf2onnx.convert.from_function(function, input_signature=[spec], opset=_OPSET)
    name_constants_by_content(converted.graph)
    for value in (*converted.graph.input, *converted.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    content: bytes = converted.SerializeToString(deterministic=True)
    return content
