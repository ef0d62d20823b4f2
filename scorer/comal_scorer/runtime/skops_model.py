"""A scikit-learn model in skops' format, for what has no ONNX form. It needs the second image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from comal_scorer.model_card import model_invalid
from comal_scorer.runtime.tensors import Array, Input, Output


class SkopsModel:
    """An estimator with predict(); safe to call from several threads."""

    platform = "sklearn_skops"
    # The threads of its numeric libraries do not survive a fork.
    may_fork = False

    def __init__(self, estimator: Any) -> None:
        """Take a fitted estimator, and ask it once to see what it answers."""
        self._predict = estimator.predict
        columns = int(estimator.n_features_in_)
        self.input = Input("data", np.dtype(np.float64), (None, columns))
        answer = np.asarray(self._predict(np.zeros((1, columns))))
        shape = (None, *answer.shape[1:])
        kind = answer.dtype if answer.dtype.kind in "fiub" else np.dtype(object)
        self.outputs = (Output("answer", kind, shape),)

    def predict(self, rows: Array) -> Array:
        """Return the model's answer for a batch shaped like the input."""
        return np.asarray(self._predict(rows))

    def predict_all(self, rows: Array, names: list[str]) -> list[Array]:
        """Return the one output there is, as often as it is named."""
        return [self.predict(rows)] * len(names)


def load_skops(path: Path) -> SkopsModel:
    """Return the model of a skops file; raises `TerminationError` (ModelInvalid)."""
    try:
        import skops.io  # noqa: PLC0415 - seconds, and only this format needs it
    except ImportError:
        raise model_invalid(
            "this model is served by scikit-learn, which this image has not: name one with it in "
            "spec.image, or for all in COMAL_SCORER_TENSORFLOW_IMAGE (target scorer-tensorflow)"
        ) from None
    try:
        # An empty list: what skops itself trusts, never its fall-back to joblib. It raises for all
        # else.
        return SkopsModel(skops.io.load(path, trusted=[]))
    except Exception as problem:  # noqa: BLE001 - a stranger's file may break the reader anyhow
        raise model_invalid(f"{path.name} is not a skops file that loads: {problem}") from None
