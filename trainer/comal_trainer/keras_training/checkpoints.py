"""Checkpoints: every variable and the position, in one file that is whole or not there.

Plain arrays, so that reading one back runs no code.
"""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from comal_trainer.files import NotPlainFileError, open_plain, write_atomically
from comal_trainer.keras_training.position import Position

Array = npt.NDArray[Any]

_CHECKPOINT: Final = "checkpoint.npz"
_BEST: Final = "best.npz"
# What an interruption may cost, when the step is not told otherwise.
_SECONDS: Final = 30.0


@dataclass(slots=True)
class Checkpoints:
    """The checkpoints of one training in a folder; without a folder nothing is kept.

    `identity` is everything that must be the same for a checkpoint to mean anything.
    """

    folder: Path | None
    identity: str
    every_steps: int = 0  # 0: by the clock alone
    writes: bool = True
    _saved_at: float = field(default_factory=time.monotonic)

    def is_due(self, steps: int) -> bool:
        """Return whether it is time to save, after so many steps."""
        if self.every_steps and steps % self.every_steps == 0:
            return True
        return time.monotonic() - self._saved_at >= _SECONDS

    def save(self, variables: Sequence[Any], position: Position) -> None:
        """Keep the variables and the position."""
        self._write(_CHECKPOINT, variables, position.encode())
        self._saved_at = time.monotonic()

    def save_best(self, variables: Sequence[Any]) -> None:
        """Keep the variables of the best epoch so far."""
        self._write(_BEST, variables, "{}")

    def restore(self, variables: Sequence[Any]) -> Position | None:
        """Set the variables to what was kept; return where to go on, None to start anew."""
        found = self._read(_CHECKPOINT, variables)
        if found is None:
            return None
        arrays, text = found
        try:
            position = Position.decode(text)
        except (ValueError, TypeError, KeyError) as error:
            _useless(_CHECKPOINT, str(error))
            return None
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        return position

    def best(self, variables: Sequence[Any]) -> list[Array] | None:
        """Return the arrays of the best epoch, if they were kept."""
        found = self._read(_BEST, variables)
        return None if found is None else found[0]

    def _write(self, name: str, variables: Sequence[Any], text: str) -> None:
        if self.folder is None or not self.writes:
            return
        arrays = {f"v{index}": np.asarray(value) for index, value in enumerate(variables)}
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, identity=self.identity, position=text, **arrays)
        write_atomically(self.folder / name, content.getvalue())

    def _read(self, name: str, variables: Sequence[Any]) -> tuple[list[Array], str] | None:
        if self.folder is None:
            return None
        try:
            with open_plain(self.folder / name) as file, np.load(file) as kept:
                if str(kept["identity"]) != self.identity:
                    _useless(name, "it is of another run, other data or other parameters")
                    return None
                arrays = [kept[f"v{index}"] for index in range(len(variables))]
                text = str(kept["position"])
        except FileNotFoundError:
            return None
        except (NotPlainFileError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            _useless(name, str(error))
            return None
        if [array.shape for array in arrays] != [tuple(value.shape) for value in variables]:
            _useless(name, "it is of another network")
            return None
        return arrays, text


def _useless(name: str, why: str) -> None:
    print(f"checkpoint {name} is not used: {why:.200}; starting anew", flush=True)
