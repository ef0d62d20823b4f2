"""scikit-learn (joblib or skops) to ONNX, in double precision where the operators have it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Final

import joblib
import numpy as np
import onnxruntime
import skops.io
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

from comal_trainer.card_values import invalid
from comal_trainer.contract import Tensor
from comal_trainer.conversion.original import SKOPS_FILE, Attempt, Original, as_onnx
from comal_trainer.conversion.parity import Array, failed

_OPSET = {"": 18, "ai.onnx.ml": 3}
_MOST_BYTES: Final = 4 << 30


def from_joblib(source: Path, wanted: Tensor) -> Original:
    """Return the model of a pickle."""
    # Runs the pickle's code: that is why this is a process, and a Job, of its own.
    return _original(joblib.load(source), source.name, wanted)


def from_skops(source: Path, wanted: Tensor) -> Original:
    """Return the model of a skops file; nothing that it names is trusted beyond skops' own list."""
    check_archive(source)
    return _original(_opened(source), source.name, wanted)


def check_archive(source: Path) -> None:
    """Raise JobFailure (ModelInvalid) unless the file is a zip of a size that can be unpacked."""
    try:
        with zipfile.ZipFile(source) as archive:
            size = sum(item.file_size for item in archive.infolist())
            archive.getinfo("schema.json")
    except (zipfile.BadZipFile, KeyError, OSError):
        invalid(f"{source.name} is not a skops file; write it with skops.io.dump")
    if size > _MOST_BYTES:
        invalid(f"{source.name} unpacks to {size} bytes; at most {_MOST_BYTES} are read")


def _opened(source: Path) -> Any:
    try:
        untrusted = skops.io.get_untrusted_types(file=source)
    except Exception as error:  # noqa: BLE001 - a file of a stranger may break the reader anyhow
        invalid(f"{source.name} is not a skops file: {error!s:.200}")
    if untrusted:
        named = ", ".join(untrusted)
        invalid(f"{source.name} names {named:.300}: only scikit-learn's and NumPy's own are loaded")
    # An empty list: what skops itself trusts and nothing else. Never its fall-back to joblib.
    return skops.io.load(source, trusted=[])


def _original(model: Any, name: str, wanted: Tensor) -> Original:
    if not hasattr(model, "predict"):
        invalid(f"{name}: {type(model).__name__} has no predict(); save a fitted estimator")
    features = getattr(model, "n_features_in_", wanted.shape[1])
    if wanted.shape[1] not in {-1, features}:
        invalid(f"signature: {wanted.shape[1]} columns, the model was fitted on {features}")

    def to_file(target: Path) -> object:
        return target.write_bytes(_onnx(model, wanted.name, features))

    kept = Attempt("skops", SKOPS_FILE, lambda target: _keep(model, target), _kept_answers)
    return Original(model.predict, (as_onnx(to_file), kept))


def _keep(model: Any, target: Path) -> None:
    skops.io.dump(model, target)
    untrusted = skops.io.get_untrusted_types(file=target)
    if untrusted:
        named = ", ".join(untrusted)
        raise failed(f"it has parts that no scorer loads ({named:.200}): save the model as ONNX")


def _kept_answers(path: Path, samples: Array | None) -> Array | None:
    model = _opened(path)
    return None if samples is None else np.asarray(model.predict(samples))


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
