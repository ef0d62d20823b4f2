"""A converted model that answers otherwise is not served: the original is, where it can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from comal_trainer.contract import Reason, Tensor
from comal_trainer.conversion import child
from comal_trainer.conversion.original import Attempt, Original
from comal_trainer.conversion.outcome import read_outcome
from comal_trainer.conversion.parity import TOLERANCE, Array, parity_of
from comal_trainer.failure import JobFailure
from comal_trainer.settings import Settings
from unit.trainer.test_formats import a_folder

EXPECTED = np.array([[1.0], [2000.0], [-0.001]])


@pytest.mark.parametrize(
    "answered",
    [EXPECTED + 2 * TOLERANCE, EXPECTED * (1 + 2 * TOLERANCE), EXPECTED * np.nan, EXPECTED[:2]],
    ids=["farther", "in proportion", "no number", "fewer"],
)
def test_answers_that_differ_prove_nothing(answered: Array) -> None:
    with pytest.raises(JobFailure) as failure:
        parity_of(EXPECTED, answered)
    assert failure.value.reason == Reason.CONVERSION_FAILED


def test_rounding_is_no_difference_and_is_recorded() -> None:
    parity = parity_of(EXPECTED, (EXPECTED * (1 + TOLERANCE / 2)).ravel())
    assert (parity.max_difference, parity.samples, parity.proved) == ("1.0e-01", 3, True)


def told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, converted: float, kept: float
) -> Path:
    """Convert a model of sums whose forms answer so many times the sum; return its folder."""

    def sums(samples: Array) -> Array:
        return np.asarray(samples.sum(axis=1))

    def attempt(form: str, factor: float) -> Attempt:
        def answers(_: Path, samples: Array | None) -> Array | None:
            return None if samples is None else factor * sums(samples)

        return Attempt(form, f"serving/{form}", lambda path: path.write_text(form), answers)

    def open_it(_: Path, __: Tensor) -> Original:
        return Original(sums, (attempt("onnx", converted), attempt("skops", kept)))

    folder = a_folder(settings, "sklearn-skops", "model.skops")
    monkeypatch.setattr(child, "_opener", lambda _: open_it)
    child.convert_model(folder, folder / "outcome.json")
    return folder


def test_the_original_is_served_where_the_conversion_differs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = told(settings, monkeypatch, converted=1.01, kept=1.0)
    outcome = read_outcome(folder / "outcome.json")
    assert (outcome.format, outcome.file) == ("skops", "serving/skops")
    assert [path.name for path in (folder / "serving").iterdir()] == ["skops"]


def test_what_no_form_answers_alike_is_not_registered(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = told(settings, monkeypatch, converted=1.01, kept=0.99)
    outcome = read_outcome(folder / "outcome.json")
    assert (outcome.format, outcome.parity) == ("", None)
    assert outcome.reason == Reason.CONVERSION_FAILED
    assert outcome.message.count("differ by up to") == 2
    assert not (folder / "serving").exists()
