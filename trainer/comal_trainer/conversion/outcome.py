"""How a conversion ended: the small file that the child process leaves for its parent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from comal_trainer.contract import Parity, Reason


class OutcomeError(ValueError):
    """The child process left no outcome."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Either what is served and how it was proved, or a reason and a message."""

    parity: Parity | None = None
    format: str = ""
    file: str = ""
    reason: Reason = Reason.CONVERSION_FAILED
    message: str = ""


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Write the outcome as JSON."""
    parity = outcome.parity
    value = {
        "reason": str(outcome.reason),
        "message": outcome.message,
        "format": outcome.format,
        "file": outcome.file,
        "parity": None
        if parity is None
        else [parity.max_difference, parity.samples, parity.proved],
    }
    path.write_text(json.dumps(value), encoding="utf-8")


def read_outcome(path: Path) -> Outcome:
    """Return the outcome; raise OutcomeError when the child could not write a whole one."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        parity = value["parity"]
        return Outcome(
            parity=None
            if parity is None
            else Parity(str(parity[0]), int(parity[1]), bool(parity[2])),
            format=str(value["format"]),
            file=str(value["file"]),
            reason=Reason(value["reason"]),
            message=str(value["message"]),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise OutcomeError(str(error)) from None
