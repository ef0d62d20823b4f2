"""The child process of `convert`: the only place where a user's model is loaded."""

from __future__ import annotations

from pathlib import Path

from comal_trainer.contract import SERVING_FILE, Parity, Reason
from comal_trainer.conversion.outcome import Outcome, write_outcome
from comal_trainer.conversion.parity import (
    Conversion,
    check_answers,
    onnx_answers,
    parity_of,
    read_samples,
)
from comal_trainer.failure import JobFailure
from comal_trainer.model_card import ModelCard, read_card


def convert_model(folder: Path, outcome: Path) -> None:
    """Write serving/model.onnx below `folder`, and how it went to `outcome`."""
    try:
        write_outcome(outcome, Outcome(parity=_converted(folder)))
    except JobFailure as failure:
        write_outcome(outcome, Outcome(reason=failure.reason, message=str(failure)))
    except MemoryError:
        write_outcome(outcome, Outcome(message="the model needs more memory than there is"))
    # A user's pickle may raise anything, SystemExit too; all of it is the model's fault.
    except BaseException as error:  # noqa: BLE001
        told = " ".join(f"{type(error).__name__}: {error}".split())
        message = f"the model cannot be loaded and converted: {told:.400}"
        write_outcome(outcome, Outcome(reason=Reason.CONVERSION_FAILED, message=message))


def _converted(folder: Path) -> Parity:
    card = read_card(folder)
    samples = read_samples(folder, card)
    source, target = folder / card.file, folder / SERVING_FILE
    target.parent.mkdir(exist_ok=True)
    expected = _source_format(card)(source, target, card.signature.inputs[0], samples)
    answers = onnx_answers(target, samples)
    if answers is not None:
        check_answers(answers, card.signature.outputs[0])
    return parity_of(expected, answers)


def _source_format(card: ModelCard) -> Conversion:
    # Imported here: each format brings a library that takes seconds to load.
    if card.format == "sklearn-joblib":
        from comal_trainer.conversion.from_sklearn import from_sklearn  # noqa: PLC0415

        return from_sklearn
    if card.format == "keras":
        from comal_trainer.conversion.from_keras import from_keras  # noqa: PLC0415

        return from_keras
    from comal_trainer.conversion.from_onnx import from_onnx  # noqa: PLC0415

    return from_onnx
