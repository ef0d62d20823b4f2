"""scikit-learn (joblib) to ONNX, in double precision where the operators have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

from comal_trainer.card_values import invalid
from comal_trainer.contract import Tensor
from comal_trainer.conversion.parity import Array

_OPSET = {"": 18, "ai.onnx.ml": 3}


def from_sklearn(source: Path, target: Path, wanted: Tensor, samples: Array | None) -> Array | None:
    """Write `target`; return the original's answers to the samples."""
    # Runs the pickle's code: that is why this is a process, and a Job, of its own.
    model = joblib.load(source)
    if not hasattr(model, "predict"):
        invalid(f"{source.name}: {type(model).__name__} has no predict(); save a fitted estimator")
    features = getattr(model, "n_features_in_", wanted.shape[1])
    if wanted.shape[1] not in {-1, features}:
        invalid(f"signature: {wanted.shape[1]} columns, the model was fitted on {features}")
    expected: Array | None = None if samples is None else model.predict(samples)
    target.write_bytes(_onnx(model, wanted.name, features))
    return expected


def _onnx(model: Any, name: str, features: int) -> bytes:
    last: Exception | None = None
    # Double first: a forest's thresholds and a ridge's sums then agree to the last digits.
    for tensor in (DoubleTensorType, FloatTensorType):
        try:
            types = [(name, tensor([None, features]))]
            converted = to_onnx(
                model, initial_types=types, name="model", target_opset=_OPSET, options=_plain(model)
            )
            content: bytes = converted.SerializeToString(deterministic=True)
            # Trees convert in double precision, and then no runtime takes them.
            onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - the library's errors share no base
            last = error
        else:
            return content
    raise TypeError(f"{type(model).__name__} has no ONNX form: {last!s:.300}")


def _plain(model: Any) -> dict[int, dict[str, bool]] | None:
    # Without this a classifier's probabilities are a list of maps, which no client wants.
    return {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
