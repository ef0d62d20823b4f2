"""What ends a command early: an error a person must put right, never a traceback."""

from __future__ import annotations

from comal_trainer.contract import MAX_ERROR_CHARACTERS, ExitCode, JobError, Reason


class UserError(Exception):
    """Input that no second attempt would make right: one line, and an exit code that says so."""

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.BAD_DATA) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class UnavailableError(Exception):
    """Something outside did not answer; the Job should try again."""


class JobFailure(Exception):  # noqa: N818 - it is an answer, not a crash
    """The end of a built-in job that another attempt would not change."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def error(self) -> JobError:
        """Return what goes into the termination message: printable ASCII that surely fits."""
        text = str(self).encode("ascii", "backslashreplace").decode("ascii")
        return JobError(reason=str(self.reason), message=text[:MAX_ERROR_CHARACTERS])
