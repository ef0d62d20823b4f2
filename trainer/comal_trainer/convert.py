"""`convert`: make the package to register: the model's own files, its served form, its whole card.

The model is loaded by a child process: a pickle runs code, and whatever that code does, this
process lives on to tell what happened.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from comal_trainer.card_values import invalid
from comal_trainer.contract import MODEL_FILE, Converted, Reason
from comal_trainer.conversion.outcome import Outcome, OutcomeError, read_outcome
from comal_trainer.conversion.script_file import check_script
from comal_trainer.failure import JobFailure
from comal_trainer.files import write_atomically
from comal_trainer.model_card import ModelCard, read_card
from comal_trainer.model_folder import copy_files, model_files
from comal_trainer.progress import progress
from comal_trainer.settings import Settings

CHILD_COMMAND = "convert-model"


def convert(settings: Settings) -> Converted:
    """Return what was converted, or what is wrong with the model; raises only OSError."""
    try:
        return _convert(settings)
    except JobFailure as failure:
        return Converted(error=failure.error)


def _convert(settings: Settings) -> Converted:
    package = settings.package_dir
    partial = package.with_name(package.name + ".partial")
    for leftover in (partial, package):
        shutil.rmtree(leftover, ignore_errors=True)
    paths = model_files(settings.model_dir, settings.workspace)
    card = read_card(settings.model_dir)
    for field, path in card.files.items():
        if path not in paths and not (field == "file" and card.is_folder(path, paths)):
            invalid(f"{MODEL_FILE}: {field}: {path!r} is not in the model folder")
    progress(0, f"copying {len(paths)} files")
    copy_files(settings.model_dir, paths, partial)
    served = _script(partial, card) or _model(partial, card, settings.environment)
    write_atomically(partial / MODEL_FILE, completed_card(card, served))
    partial.rename(package)
    return Converted(
        format=served.format,
        source_format=card.format,
        contract=card.contract,
        parity=served.parity,
        signature=card.signature if card.signature.inputs else None,
        labels=card.labels,
    )


def _script(folder: Path, card: ModelCard) -> Outcome | None:
    """Return how a script is served, which nothing has to be proved of; None for a model."""
    if not card.is_script:
        return None
    check_script(folder / card.file)
    progress(100, f"{card.file} has init() and run(); it was not run")
    return Outcome(format=card.format, file=card.file)


def _model(folder: Path, card: ModelCard, environment: Mapping[str, str]) -> Outcome:
    progress(10, f"converting {card.file} ({card.format})")
    outcome = _converted_by_child(folder, environment)
    if outcome.parity is not None:
        far, on = outcome.parity.max_difference, outcome.parity.samples
        told = f"served as {outcome.format}: answers differ by at most {far} on {on} samples"
        progress(100, told)
    return outcome


def completed_card(card: ModelCard, served: Outcome) -> bytes:
    """Return the card with `serving`: which file is served and how it was proved."""
    serving: dict[str, Any] = {"format": served.format, "file": served.file}
    parity = served.parity
    if parity is not None:
        serving["parity"] = {
            "maxDifference": parity.max_difference,
            "samples": parity.samples,
            "proved": parity.proved,
        }
    text = yaml.safe_dump({**card.content, "serving": serving}, sort_keys=False, allow_unicode=True)
    return text.encode()


def _converted_by_child(folder: Path, environment: Mapping[str, str]) -> Outcome:
    with tempfile.TemporaryDirectory() as scratch:
        outcome = Path(scratch) / "outcome.json"
        command = [sys.executable, "-m", "comal_trainer", CHILD_COMMAND, str(folder), str(outcome)]
        # Converters walk sets of names: with a fixed seed the same model gives the same bytes.
        fixed = {**environment, "PYTHONHASHSEED": "0"}
        ended = subprocess.run(command, check=False, env=fixed, stderr=subprocess.STDOUT)
        return _judged(ended.returncode, outcome, folder)


def _judged(code: int, path: Path, folder: Path) -> Outcome:
    try:
        outcome: Outcome = read_outcome(path)
    except OutcomeError:
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        hint = "; it may need more memory" if code == -signal.SIGKILL else ""
        message = f"loading the model ended the conversion with {how}{hint}"
        raise JobFailure(Reason.CONVERSION_FAILED, message) from None
    if outcome.parity is None:
        raise JobFailure(outcome.reason, outcome.message)
    if code != 0 or not (folder / outcome.file).exists():
        message = f"the conversion ended with exit code {code} and without a model"
        raise JobFailure(Reason.CONVERSION_FAILED, message)
    return outcome
