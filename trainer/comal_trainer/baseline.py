"""A registered model measured again, on this run's data: the only fair number to beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from comal_trainer.contract import MODEL_FILE, SERVING_FILE
from comal_trainer.failure import JobFailure
from comal_trainer.metrics import write_metrics
from comal_trainer.model_card import ModelCard, read_card
from comal_trainer.onnx_types import NUMPY_TYPES
from comal_trainer.settings import Settings

Array = npt.NDArray[Any]

_BATCH: Final = 64


class IncomparableError(Exception):
    """The baseline answers another question than this run's model."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A registered package, loaded: its card says how its inputs are made."""

    folder: Path
    card: ModelCard
    session: Any

    def answers(self, inputs: Array) -> Array:
        """Return the model's first output for all inputs (rows first), batch by batch."""
        [only] = self.session.get_inputs()
        outputs = [self.session.get_outputs()[0].name]
        typed = inputs.astype(NUMPY_TYPES[only.type], copy=False)
        parts = [
            self.session.run(outputs, {only.name: typed[start : start + _BATCH]})[0]
            for start in range(0, len(typed), _BATCH)
        ]
        return np.concatenate(parts)


def rescore(settings: Settings, measure: Callable[[Baseline], Mapping[str, float]]) -> bool:
    """Measure the baseline, where there is one, into its metrics file; return whether it was done.

    A baseline that cannot be compared leaves no file, and a line that says why: what that means is
    the gate's to decide. `measure` raises IncomparableError for one.
    """
    folder = settings.baseline_dir
    settings.baseline_metrics_file.unlink(missing_ok=True)
    if folder is None or not (folder / MODEL_FILE).is_file():
        return False
    try:
        metrics = measure(_load(folder))
    except (IncomparableError, JobFailure) as error:
        print(f"the registered model cannot be measured on this data: {error}", flush=True)
        return False
    write_metrics(settings.baseline_metrics_file, metrics)
    told = ", ".join(f"{name} {value:.4f}" for name, value in sorted(metrics.items()))
    print(f"the registered model on this data: {told}", flush=True)
    return True


def _load(folder: Path) -> Baseline:
    import onnxruntime  # noqa: PLC0415 - only a run with a baseline waits for it

    card = read_card(folder, completed=True)
    if not (folder / SERVING_FILE).is_file():
        form = card.content.get("serving", {}).get("format", card.format)
        raise IncomparableError(f"it is served as {form}, and only ONNX is measured again")
    try:
        options = onnxruntime.SessionOptions()
        session = onnxruntime.InferenceSession(
            str(folder / SERVING_FILE), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # noqa: BLE001 - the runtime's exceptions share no base of theirs
        raise IncomparableError(f"{SERVING_FILE} cannot be loaded: {error!s:.200}") from None
    if len(session.get_inputs()) != 1 or session.get_inputs()[0].type not in NUMPY_TYPES:
        raise IncomparableError("it has not exactly one input of numbers")
    return Baseline(folder, card, session)
