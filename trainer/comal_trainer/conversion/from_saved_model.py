"""A TensorFlow SavedModel to ONNX; served as it is where it has no ONNX form."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from comal_scorer.saved_model_graph import GraphError, check_graph
from comal_trainer.card_values import invalid
from comal_trainer.contract import Tensor
from comal_trainer.conversion.original import SAVED_MODEL, Attempt, Original, as_onnx
from comal_trainer.conversion.parity import Array, failed
from comal_trainer.conversion.tensorflow_onnx import onnx_of
from comal_trainer.keras_runtime import load_tensorflow

_SIGNATURE: Final = "serving_default"


def from_saved_model(source: Path, wanted: Tensor) -> Original:
    """Return the model of a SavedModel's folder, looked at before any of it is loaded."""
    load_tensorflow()
    _check(source)
    name, spec, call = _signature(source)
    shape = tuple(spec.shape)
    if any(w not in {-1, f} for w, f in zip(wanted.shape[1:], shape[1:], strict=False)):
        invalid(f"signature: the input is {list(wanted.shape)}, the model's is {list(shape)}")

    def to_onnx(target: Path) -> object:
        import tensorflow as tf  # noqa: PLC0415

        given = tf.TensorSpec((None, *shape[1:]), spec.dtype, name=wanted.name)
        return target.write_bytes(onnx_of(lambda rows: _first(call(**{name: rows})), given))

    def copy(target: Path) -> object:
        return shutil.copytree(source, target)

    def answers(samples: Array) -> Array:
        found = _answers(source, samples)
        assert found is not None  # noqa: S101 - there were samples
        return found

    return Original(answers, (as_onnx(to_onnx), as_saved_model(copy)))


def as_saved_model(write: Callable[[Path], object]) -> Attempt:
    """Return the attempt to serve a model by TensorFlow itself, in the scorer's second image."""

    def checked(target: Path) -> None:
        write(target)
        _check(target)

    return Attempt("tensorflow", SAVED_MODEL, checked, _answers)


def _check(folder: Path) -> None:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel  # noqa: PLC0415

    try:
        parsed = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        check_graph(parsed)
    except GraphError as error:
        invalid(f"{folder.name}: {error}")
    except Exception as error:  # noqa: BLE001 - protobuf's error has no public name without stubs
        invalid(f"{folder.name} is no SavedModel: {error!s:.200}")


def _signature(folder: Path) -> tuple[str, Any, Any]:
    import tensorflow as tf  # noqa: PLC0415

    loaded = tf.saved_model.load(str(folder))
    if _SIGNATURE not in loaded.signatures:
        known = ", ".join(loaded.signatures) or "none"
        invalid(f"{folder.name} has no signature {_SIGNATURE} (it has {known}); export one")
    call = loaded.signatures[_SIGNATURE]
    given = call.structured_input_signature[1]
    if len(given) != 1:
        invalid(f"{folder.name} has the inputs {', '.join(given)}; one input of numbers is served")
    [(name, spec)] = given.items()
    if not (spec.dtype.is_floating or spec.dtype.is_integer):
        invalid(f"{folder.name}: the input {name} is {spec.dtype.name}; numbers are served")
    # The function refers to variables that live as long as what was loaded.
    call.kept = loaded
    return name, spec, call


def _first(outputs: Any) -> Any:
    return outputs[min(outputs)]


def _answers(folder: Path, samples: Array | None) -> Array | None:
    import tensorflow as tf  # noqa: PLC0415

    name, spec, call = _signature(folder)
    if samples is None:
        return None
    rows = tf.constant(samples.astype(spec.dtype.as_numpy_dtype))
    found = np.asarray(_first(call(**{name: rows})))
    if found.shape[:1] != (len(samples),):
        raise failed("the model's first output has not one row for each input")
    return found
