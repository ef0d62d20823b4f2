"""`adopt`: make the package to register of a model that was imported.

One that Comal registered elsewhere is taken as it is, since its manifest proves every byte: it gets
the digest that it had. Any other is converted, as the output of a training step is.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from comal_trainer.artifact import artifact_of, blob_of
from comal_trainer.card_values import invalid
from comal_trainer.contract import MODEL_FILE, Converted, Parity, signature_to_json
from comal_trainer.convert import convert
from comal_trainer.failure import JobFailure
from comal_trainer.files import NotPlainFileError, files_below, open_plain, write_atomically
from comal_trainer.model_card import ModelCard, read_card
from comal_trainer.model_folder import copy_files
from comal_trainer.settings import Settings

# What the scorer's fetch writes beside the files of a package.
_MANIFEST: Final = "manifest.json"
_BESIDE: Final = frozenset({_MANIFEST, "config.json"})


def adopt(settings: Settings) -> Converted:
    """Return what is registered of the imported model, or what is wrong with it."""
    folder = settings.model_dir
    has_card = (folder / MODEL_FILE).is_file()
    try:
        if has_card and (folder / _MANIFEST).is_file():
            return _taken(settings)
        if not has_card and folder.is_dir():
            _write_card(folder)
    except JobFailure as failure:
        return Converted(error=failure.error)
    return convert(settings)


def _taken(settings: Settings) -> Converted:
    source, package = settings.model_dir, settings.package_dir
    shutil.rmtree(package, ignore_errors=True)
    try:
        paths = [path.relative_to(source).as_posix() for path in files_below(source)]
        with open_plain(source / _MANIFEST) as file:
            manifest = file.read()
    except NotPlainFileError as error:
        invalid(f"imported model: {error}")
    copy_files(source, tuple(path for path in paths if path not in _BESIDE), package)
    if artifact_of(package).digest != blob_of(manifest).digest:
        invalid(f"imported model: its files are not those that its {_MANIFEST} names")
    return _converted(read_card(package, completed=True))


def _write_card(folder: Path) -> None:
    """Write the model.yaml of one ONNX file, which says itself what it takes and gives."""
    files = sorted(folder.glob("*.onnx"))
    if len(files) != 1:
        invalid(
            f"imported model: without a {MODEL_FILE} it must be one ONNX file, and it has"
            f" {len(files)}: register it with a {MODEL_FILE}, see docs/step-contract.md"
        )
    from comal_trainer.onnx_signature import onnx_signature  # noqa: PLC0415 - only here

    card = {
        "format": "onnx",
        "file": files[0].name,
        "contract": "data-matrix",
        "signature": signature_to_json(onnx_signature(files[0])),
    }
    write_atomically(folder / MODEL_FILE, yaml.safe_dump(card, sort_keys=False).encode())


def _converted(card: ModelCard) -> Converted:
    serving: Mapping[str, Any] = card.content.get("serving") or {}
    parity = serving.get("parity")
    return Converted(
        format=str(serving.get("format", card.format)),
        source_format=card.format,
        contract=card.contract,
        parity=Parity(
            str(parity["maxDifference"]), int(parity["samples"]), parity["proved"] is True
        )
        if parity
        else None,
        signature=card.signature if card.signature.inputs else None,
        labels=card.labels,
    )
