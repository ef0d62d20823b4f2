"""The child process of `convert`: the only place where a user's model is loaded."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from comal_trainer.contract import Parity, Reason, Tensor
from comal_trainer.conversion.made_samples import made_samples
from comal_trainer.conversion.mlflow_folder import model_in
from comal_trainer.conversion.original import Attempt, Original
from comal_trainer.conversion.outcome import Outcome, write_outcome
from comal_trainer.conversion.parity import Array, check_answers, parity_of, read_samples
from comal_trainer.failure import JobFailure
from comal_trainer.model_card import ModelCard, read_card

# Nothing is made of these, so there is nothing to prove on inputs of our own.
_AS_THEY_ARE = frozenset({"onnx", "litert"})


def convert_model(folder: Path, outcome: Path) -> None:
    """Write what is served below `folder`/serving, and how it went to `outcome`."""
    try:
        write_outcome(outcome, _converted(folder))
    except JobFailure as failure:
        write_outcome(outcome, Outcome(reason=failure.reason, message=str(failure)))
    except MemoryError:
        write_outcome(outcome, Outcome(message="the model needs more memory than there is"))
    # A user's pickle may raise anything, SystemExit too; all of it is the model's fault.
    except BaseException as error:  # noqa: BLE001
        message = f"the model cannot be loaded and converted: {_told(error)}"
        write_outcome(outcome, Outcome(reason=Reason.CONVERSION_FAILED, message=message))


def _converted(folder: Path) -> Outcome:
    """Return the fastest form whose answers are those of the original."""
    card = read_card(folder)
    samples = read_samples(folder, card)
    form, source = card.format, folder / card.file
    if form == "mlflow":
        form, source = model_in(source)
    if samples is None and form not in _AS_THEY_ARE:
        samples = made_samples(card)
    original = _opener(form)(source, card.signature.inputs[0])
    expected = None if samples is None else original.answers(samples)
    whys = []
    for attempt in original.attempts:
        try:
            parity = _tried(attempt, folder, card, samples, expected)
        except JobFailure as failure:
            if failure.reason != Reason.CONVERSION_FAILED:
                raise
            whys.append(str(failure))
        except Exception as error:  # noqa: BLE001 - converters raise whatever they like
            whys.append(_told(error))
        else:
            return Outcome(parity=parity, format=attempt.format, file=attempt.file)
        print(f"not served as {attempt.format}: {whys[-1]}", flush=True)
        shutil.rmtree(folder / "serving", ignore_errors=True)
    raise JobFailure(Reason.CONVERSION_FAILED, "; ".join(whys))


def _tried(
    attempt: Attempt, folder: Path, card: ModelCard, samples: Array | None, expected: Array | None
) -> Parity:
    target = folder / attempt.file
    target.parent.mkdir(exist_ok=True)
    attempt.write(target)
    answers = attempt.answers(target, samples)
    if answers is not None:
        check_answers(answers, card.signature.outputs[0])
    return parity_of(expected, answers)


def _told(error: BaseException) -> str:
    return f"{' '.join(f'{type(error).__name__}: {error}'.split()):.400}"


def _opener(form: str) -> Callable[[Path, Tensor], Original]:
    # Imported here: each format brings a library that takes seconds to load.
    if form in {"sklearn-joblib", "sklearn-skops"}:
        from comal_trainer.conversion.from_sklearn import from_joblib, from_skops  # noqa: PLC0415

        return from_joblib if form == "sklearn-joblib" else from_skops
    if form == "keras":
        from comal_trainer.conversion.from_keras import from_keras  # noqa: PLC0415

        return from_keras
    if form == "tensorflow-savedmodel":
        from comal_trainer.conversion.from_saved_model import from_saved_model  # noqa: PLC0415

        return from_saved_model
    if form == "litert":
        from comal_trainer.conversion.from_litert import from_litert  # noqa: PLC0415

        return from_litert
    from comal_trainer.conversion.from_onnx import from_onnx  # noqa: PLC0415

    return from_onnx
