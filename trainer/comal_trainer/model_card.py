"""model.yaml: what a model is, read strictly, so that a mistake is told before anything is done."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from comal_trainer.card_data import check_data
from comal_trainer.card_preprocessing import check_preprocessing
from comal_trainer.card_values import check_path, check_text, invalid
from comal_trainer.contract import MODEL_FILE, ContractError, Signature, signature_from_json
from comal_trainer.files import NotPlainFileError, open_plain

# A model as it was trained; for those of _FOLDERS `file` names a folder that holds this file.
FORMATS: Final = (
    *("sklearn-joblib", "sklearn-skops", "keras", "tensorflow-savedmodel"),
    *("onnx", "litert", "mlflow", "script"),
)
_FOLDERS: Final = {"tensorflow-savedmodel": "saved_model.pb", "mlflow": "MLmodel"}
SCRIPT: Final = "script"
CONTRACTS: Final = ("data-matrix", "input-data", "ints-list", "base64-image", "image-url", SCRIPT)
MAX_CARD_BYTES: Final = 256 * 1024
MAX_LABELS: Final = 10_000
MAX_DESCRIPTION: Final = 2000
_REQUIRED: Final = ("format", "file", "contract", "signature")
_OPTIONAL: Final = ("labels", "preprocessing", "samples", "description", "data")
_COMPLETED: Final = ("serving",)
_NOTHING: Final = Signature((), ())


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A valid model.yaml; `content` is the whole of it, as it goes into the artifact."""

    format: str
    file: str
    contract: str
    signature: Signature
    labels: tuple[str, ...]
    samples: str | None
    content: Mapping[str, Any]

    @property
    def is_script(self) -> bool:
        """Return whether code of the user's answers, so that nothing is known of a model."""
        return self.format == SCRIPT

    @property
    def served_file(self) -> str:
        """Return what is served; a folder for some formats."""
        return str(self.content.get("serving", {}).get("file", self.file))

    def is_folder(self, path: str, files: Collection[str]) -> bool:
        """Return whether the path is the folder that this format is made of."""
        mark = _FOLDERS.get(self.format)
        return mark is not None and f"{path}/{mark}" in files

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the input's columns, in the model's order; empty when not given."""
        if not self.signature.inputs:
            return ()
        return tuple(self.content["signature"]["inputs"][0].get("columns", ()))

    @property
    def preprocessing(self) -> Mapping[str, Any]:
        """Return what happens to an input first: `image` or `text`."""
        found: Mapping[str, Any] = self.content.get("preprocessing", {})
        return found

    @property
    def files(self) -> dict[str, str]:
        """Return the files that the card names, by field."""
        named = {
            "file": self.file,
            "samples": self.samples,
            "preprocessing.text.vocabulary": self.preprocessing.get("text", {}).get("vocabulary"),
            "data.list": self.content.get("data", {}).get("list"),
        }
        return {field: path for field, path in named.items() if path is not None}


def read_card(folder: Path, *, completed: bool = False) -> ModelCard:
    """Return the card of a model folder; raise JobFailure (ModelInvalid) naming field and remedy.

    A `completed` card is one that `convert` wrote: it has `serving` too.
    """
    try:
        with open_plain(folder / MODEL_FILE) as file:
            text = file.read(MAX_CARD_BYTES + 1)
    except FileNotFoundError:
        invalid(f"{MODEL_FILE} is missing in the model folder; it names the model's format")
    except (NotPlainFileError, NotADirectoryError) as error:
        invalid(str(error))
    if len(text) > MAX_CARD_BYTES:
        invalid(f"{MODEL_FILE} is larger than {MAX_CARD_BYTES} bytes")
    return parse_card(text, completed=completed)


def parse_card(text: bytes, *, completed: bool = False) -> ModelCard:
    """Return the card that these bytes of YAML hold; raise JobFailure (ModelInvalid)."""
    content = _content(text)
    known = (*_REQUIRED, *_OPTIONAL, *(_COMPLETED if completed else ()))
    for name in content:
        if name not in known:
            invalid(f"{MODEL_FILE}: {name!r:.80} is no field; there are {', '.join(known)}")
    is_script = content.get("format") == SCRIPT
    for name in _REQUIRED:
        if name not in content and not (is_script and name == "signature"):
            invalid(f"{MODEL_FILE}: {name} is missing")
    labels = _labels(content.get("labels", []))
    contract = _one_of("contract", content["contract"], CONTRACTS)
    samples = content.get("samples")
    card = ModelCard(
        format=_one_of("format", content["format"], FORMATS),
        file=check_path("file", content["file"]),
        contract=contract,
        signature=_signature(content["signature"]) if "signature" in content else _NOTHING,
        labels=labels,
        samples=None if samples is None else check_path("samples", samples),
        content=content,
    )
    if (contract == SCRIPT) != is_script:
        invalid(f"{MODEL_FILE}: format: script and contract: script go together; write both")
    if not is_script:
        check_preprocessing(content, contract, card.signature.inputs[0].shape)
    check_data(content.get("data", {}))
    check_text("description", content.get("description", ""), MAX_DESCRIPTION)
    return card


def _content(text: bytes) -> dict[str, Any]:
    try:
        # An alias repeats a part for free: a few lines could grow to gigabytes when written out.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            invalid(f"{MODEL_FILE}: YAML aliases (*name) are not allowed; write the value out")
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        told = " ".join(str(error).split())
        invalid(f"{MODEL_FILE} is not YAML: {told:.300}")
    if not isinstance(value, dict):
        invalid(f"{MODEL_FILE}: expected fields such as `format: onnx`, found {value!r:.80}")
    return value


def _one_of(field: str, value: object, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        invalid(f"{MODEL_FILE}: {field}: {value!r:.80} is not one of {', '.join(allowed)}")
    return str(value)


def _signature(value: object) -> Signature:
    try:
        signature = signature_from_json(value)
    except ContractError as error:
        wanted = "write {inputs: [{name, dtype, shape}], outputs: [{name, dtype, shape}]}"
        invalid(f"{MODEL_FILE}: {error}; {wanted}")
    if len(signature.inputs) != 1 or not signature.outputs:
        invalid(f"{MODEL_FILE}: signature: one input and at least one output are served")
    if len(signature.inputs[0].shape) < 2:
        invalid(f"{MODEL_FILE}: signature: the input's shape needs a batch axis: [-1, …]")
    return signature


def _labels(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_LABELS:
        invalid(f"{MODEL_FILE}: labels: expected a list of at most {MAX_LABELS} names")
    for index, label in enumerate(value):
        if not isinstance(label, str) or not label:
            invalid(f"{MODEL_FILE}: labels[{index}]: {label!r:.80} is no text; put it in quotes")
    if len(set(value)) != len(value):
        invalid(f"{MODEL_FILE}: labels: a name appears twice")
    return tuple(value)
