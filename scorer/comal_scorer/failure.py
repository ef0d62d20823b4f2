"""The one exception that ends `fetch` or `serve`, and the message it leaves for the operator."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
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


class LastWords:
    """What is left in the termination log by a process that cannot speak any more.

    A damaged or hostile model file can end the process inside a runtime, use up the container's
    memory, or never come to an end. So the log says why before loading begins; loading that ends
    well takes it back.
    """

    def __init__(self, error: TerminationError, log: Path, seconds: float) -> None:
        """Give loading `seconds`; who takes longer is ended with these words."""
        self._error = error
        self._log = log
        self._timer = threading.Timer(seconds, self._give_up)
        self._timer.daemon = True

    def __enter__(self) -> None:
        with contextlib.suppress(OSError):
            self._log.write_text(_line(self._error), encoding="utf-8")
        self._timer.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        # Workers are forked later; a thread would be left behind.
        self._timer.join()
        if kind is None:
            with contextlib.suppress(OSError):
                self._log.write_text("", encoding="utf-8")

    def _give_up(self) -> None:
        report_termination(self._error, self._log)
        # The thread that loads is inside the runtime and hears nothing.
        os._exit(1)


def report_termination(error: TerminationError, log: Path) -> None:
    """Write the error to the termination log and to standard error; never raises."""
    line = _line(error)
    sys.stderr.write(line + "\n")
    try:
        log.write_text(line, encoding="utf-8")
    except OSError as problem:
        # Outside a Pod there is no such file; the exit code and standard error still tell.
        sys.stderr.write(json.dumps({"warning": f"no termination message: {problem}"}) + "\n")


def _line(error: TerminationError) -> str:
    message = error.message
    if len(message) > _LONGEST_MESSAGE:
        message = message[: _LONGEST_MESSAGE - 1] + "…"
    return json.dumps({"reason": error.reason.value, "message": message})
