"""The one exception that ends `fetch` or `serve`, and the message it leaves for the operator."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from comal_scorer.contract import TerminationReason

# The kubelet keeps 4096 bytes of a termination message; a cut JSON object would be no JSON.
_LONGEST_MESSAGE = 1500


class TerminationError(Exception):
    """The command cannot go on, for a reason that the operator puts into a condition."""

    def __init__(self, reason: TerminationReason, message: str) -> None:
        """Keep the reason and a sentence that names the field, its value and the remedy."""
        super().__init__(message)
        self.reason = reason
        self.message = message


def report_termination(error: TerminationError, log: Path) -> None:
    """Write the error to the termination log and to standard error; never raises."""
    message = error.message
    if len(message) > _LONGEST_MESSAGE:
        message = message[: _LONGEST_MESSAGE - 1] + "…"
    line = json.dumps({"reason": error.reason.value, "message": message})
    sys.stderr.write(line + "\n")
    try:
        log.write_text(line, encoding="utf-8")
    except OSError as problem:
        # Outside a Pod there is no such file; the exit code and standard error still tell.
        sys.stderr.write(json.dumps({"warning": f"no termination message: {problem}"}) + "\n")
