"""An MLflow model folder, read without MLflow: which file in it is the model, in which format.

MLmodel is text, and its `loader_module` names code that loading would import; nothing here does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from comal_trainer.card_values import check_path, invalid
from comal_trainer.files import NotPlainFileError, open_plain

MLMODEL: Final = "MLmodel"
_MOST_BYTES: Final = 1 << 20
_REMEDY: Final = "log it with mlflow.onnx, mlflow.sklearn or mlflow.tensorflow, or write a script"


def model_in(folder: Path) -> tuple[str, Path]:
    """Return format and place of the model; raise JobFailure (ModelInvalid) where none fits."""
    flavors = _flavors(folder)
    name = next((one for one in _READERS if one in flavors), None)
    if name is None:
        known = ", ".join(sorted(str(one) for one in flavors)) or "none"
        invalid(f"{MLMODEL}: the flavors {known:.200} cannot be converted: {_REMEDY}")
    form, path = _READERS[name](_mapping(flavors[name], f"flavors.{name}"))
    found = folder / check_path(f"{MLMODEL}: {name}", path)
    return _kind(found) if form == "keras" else (form, _there(found, folder))


def _flavors(folder: Path) -> Mapping[str, Any]:
    try:
        with open_plain(folder / MLMODEL) as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            invalid(f"{MLMODEL} is larger than {_MOST_BYTES} bytes")
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            invalid(f"{MLMODEL}: YAML aliases are not read")
        content = yaml.safe_load(text)
    except (FileNotFoundError, NotADirectoryError, NotPlainFileError):
        invalid(f"{folder.name} has no {MLMODEL}: name the folder that mlflow.…save_model wrote")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        told = " ".join(str(error).split())
        invalid(f"{MLMODEL} is not YAML: {told:.200}")
    return _mapping(_mapping(content, "it").get("flavors"), "flavors")


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        invalid(f"{MLMODEL}: {what} is {value!r:.80}, expected a mapping")
    return value


def _onnx(flavor: Mapping[str, Any]) -> tuple[str, Any]:
    return "onnx", flavor.get("data", "model.onnx")


def _sklearn(flavor: Mapping[str, Any]) -> tuple[str, Any]:
    file = flavor.get("pickled_model", "model.pkl")
    # cloudpickle writes pickles that joblib reads, where nothing in them is a function of theirs.
    form = "sklearn-skops" if flavor.get("serialization_format") == "skops" else "sklearn-joblib"
    return form, file


def _tensorflow(flavor: Mapping[str, Any]) -> tuple[str, Any]:
    if "saved_model_dir" in flavor and "data" not in flavor:
        return "tensorflow-savedmodel", flavor["saved_model_dir"]
    return "keras", flavor.get("data", "data")


def _keras(flavor: Mapping[str, Any]) -> tuple[str, Any]:
    return "keras", flavor.get("data", "data")


_READERS: Final = {
    "onnx": _onnx,
    "sklearn": _sklearn,
    "keras": _keras,
    "tensorflow": _tensorflow,
}


def _kind(data: Path) -> tuple[str, Path]:
    """Return what lies in the folder where MLflow puts models of Keras."""
    if (data / "model.keras").is_file():
        return "keras", data / "model.keras"
    saved = [one for one in (data / "model", data) if (one / "saved_model.pb").is_file()]
    if not saved:
        invalid(f"{MLMODEL}: {data.name} has neither model.keras nor a SavedModel; .h5 is refused")
    return "tensorflow-savedmodel", saved[0]


def _there(path: Path, folder: Path) -> Path:
    if not path.exists():
        invalid(f"{MLMODEL}: {path.relative_to(folder)} is not in the folder")
    return path
