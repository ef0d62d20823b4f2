"""Keras to ONNX by tf2onnx; a model that has no ONNX form is kept as a SavedModel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from comal_trainer.card_values import invalid
from comal_trainer.contract import Tensor
from comal_trainer.conversion.from_saved_model import as_saved_model
from comal_trainer.conversion.keras_archive import check_archive
from comal_trainer.conversion.original import Original, as_onnx
from comal_trainer.conversion.parity import Array
from comal_trainer.conversion.tensorflow_onnx import onnx_of
from comal_trainer.keras_runtime import load_keras


def from_keras(source: Path, wanted: Tensor) -> Original:
    """Return the model of a .keras file."""
    check_archive(source)
    keras = load_keras()
    model = keras.saving.load_model(source, compile=False, safe_mode=True)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        counts = f"{len(model.inputs)} inputs and {len(model.outputs)} outputs"
        invalid(f"{source.name} has {counts}; a model with one of each is served")
    shape = (None, *model.inputs[0].shape[1:])
    if any(w not in {-1, f} for w, f in zip(wanted.shape[1:], shape[1:], strict=False)):
        invalid(f"signature: the input is {list(wanted.shape)}, the model's is {list(shape)}")
    dtype = model.inputs[0].dtype

    def answers(samples: Array) -> Array:
        found: Array = model(samples.astype(dtype), training=False).numpy()
        return found

    def to_onnx(target: Path) -> object:
        return target.write_bytes(_onnx(model, shape, dtype, wanted.name))

    def export(target: Path) -> object:
        return model.export(target, format="tf_saved_model", verbose=False)

    return Original(answers, (as_onnx(to_onnx), as_saved_model(export)))


def _onnx(model: Any, shape: tuple[int | None, ...], dtype: str, name: str) -> bytes:
    import tensorflow as tf  # noqa: PLC0415

    # The name becomes part of the graph; Keras's own would carry a number of the process.
    def answer(rows: Any) -> Any:
        return model(rows, training=False)

    return onnx_of(answer, tf.TensorSpec(shape, dtype, name=name))
