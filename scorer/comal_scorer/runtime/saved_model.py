"""A TensorFlow SavedModel, for what has no ONNX form. Only the second image has TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from comal_scorer.model_card import model_invalid
from comal_scorer.runtime.tensors import Array, Input, Output
from comal_scorer.saved_model_graph import GraphError, check_graph

_SIGNATURE: Final = "serving_default"


class SavedModel:
    """The default signature of a SavedModel; safe to call from several threads."""

    platform = "tensorflow_savedmodel"
    # TensorFlow's threads do not survive a fork.
    may_fork = False

    def __init__(self, tf: Any, loaded: Any) -> None:
        """Take what was loaded, whose signature has one input of numbers."""
        self._tf, self._loaded = tf, loaded
        self._call = loaded.signatures[_SIGNATURE]
        [(name, spec)] = self._call.structured_input_signature[1].items()
        self.input = Input(name, np.dtype(spec.dtype.as_numpy_dtype), tuple(spec.shape))
        given = self._call.structured_outputs
        self.outputs = tuple(
            Output(one, np.dtype(given[one].dtype.as_numpy_dtype), tuple(given[one].shape))
            for one in sorted(given)
        )

    def predict(self, rows: Array) -> Array:
        """Return the model's first output for a batch shaped like the input."""
        return self.predict_all(rows, [self.outputs[0].name])[0]

    def predict_all(self, rows: Array, names: list[str]) -> list[Array]:
        """Return the outputs of these names, in their order."""
        found = self._call(**{self.input.name: self._tf.constant(rows)})
        return [found[name].numpy() for name in names]


def load_saved_model(folder: Path) -> SavedModel:
    """Return the model of a folder, looked at first; raises `TerminationError` (ModelInvalid)."""
    # Read when TensorFlow is loaded: its start-up lines would bury ours.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow as tf  # noqa: PLC0415 - seconds, and only this format needs it
        from tensorflow.core.protobuf.saved_model_pb2 import (  # noqa: PLC0415
            SavedModel as Parsed,
        )
    except ImportError:
        raise model_invalid(
            "this model is served by TensorFlow, which this image has not: name one with it in "
            "spec.image, or for all in COMAL_SCORER_TENSORFLOW_IMAGE (target scorer-tensorflow)"
        ) from None
    try:
        check_graph(Parsed.FromString((folder / "saved_model.pb").read_bytes()))
        # Cores are filled by requests.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        return SavedModel(tf, tf.saved_model.load(str(folder)))
    except GraphError as problem:
        raise model_invalid(f"{folder.name}: {problem}") from None
    except Exception as problem:  # noqa: BLE001 - protobuf and TensorFlow raise what they like
        raise model_invalid(f"{folder.name} is not a SavedModel that loads: {problem}") from None
