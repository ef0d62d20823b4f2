"""Which file of an artifact is the model that is served, and which runtime opens it."""

from __future__ import annotations

from pathlib import Path

from comal_scorer.artifact import check_path
from comal_scorer.model_card import ModelCard, model_invalid
from comal_scorer.runtime.tensors import Model

# Where `convert` puts the model that is served, whatever format was trained.
_LITERT_FILE = "serving/model.tflite"
_ONNX_FILE = "serving/model.onnx"
_SAVED_MODEL = "serving/saved_model"
_SKOPS_FILE = "serving/model.skops"


def load_model(folder: Path, card: ModelCard) -> Model:
    """Return the artifact's model; raises `TerminationError` (ModelInvalid).

    The converted one, or the model itself when it needs no conversion. Nothing else is opened.
    """
    # Imported late: a model needs one runtime, and each takes its share of the start.
    for place, form in ((_LITERT_FILE, "litert"), (_ONNX_FILE, "onnx")):
        path = folder / place
        if not path.is_file() and card.format == form and card.file:
            path = folder / check_path(card.file, "model.yaml file")
        if path.is_file():
            return _load(path, form)
    if (folder / _SAVED_MODEL).is_dir():
        from comal_scorer.runtime.saved_model import load_saved_model  # noqa: PLC0415

        return load_saved_model(folder / _SAVED_MODEL)
    if (folder / _SKOPS_FILE).is_file():
        from comal_scorer.runtime.skops_model import load_skops  # noqa: PLC0415

        return load_skops(folder / _SKOPS_FILE)
    raise model_invalid(
        f"model.yaml format: {card.format!r} has no {_ONNX_FILE}; only ONNX and LiteRT are "
        "loaded, register the model through the conversion step"
    )


def _load(path: Path, form: str) -> Model:
    if form == "litert":
        from comal_scorer.runtime.litert_model import load_litert  # noqa: PLC0415

        return load_litert(path)
    from comal_scorer.runtime.onnx_model import load_onnx  # noqa: PLC0415

    return load_onnx(path)
