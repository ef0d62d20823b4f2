"""How a call to the API server can go wrong, sorted by what helps."""

from __future__ import annotations

import json


class ApiFaultError(Exception):
    """A call that did not do what was asked."""


class RefusedError(ApiFaultError):
    """The API server will never accept this write; its sentence belongs into a condition."""


class ConflictError(ApiFaultError):
    """The object is not what was judged: look again."""


class MissingError(ApiFaultError):
    """The object or its namespace is gone: look again."""


class TransientError(ApiFaultError):
    """Nothing is known about the outcome, or the server is busy: back off and look again."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class LeaseLostError(Exception):
    """Our replica may no longer write; the process ends."""


def fault_of(status: int, body: bytes, retry_after: str | None) -> ApiFaultError:
    """Return the error for an answer of that HTTP `status`."""
    message = _message(status, body)
    if status == 404:
        return MissingError(message)
    if status == 409:
        return ConflictError(message)
    if status in (401, 408, 429) or status >= 500:
        return TransientError(message, _seconds(retry_after))
    return RefusedError(message)


def _message(status: int, body: bytes) -> str:
    try:
        said = json.loads(body).get("message")
    except (ValueError, AttributeError):
        said = None
    return str(said or f"the API server answered {status}")


def _seconds(retry_after: str | None) -> float:
    # A date is legal as well, and a proxy may send one: our own back-off is good enough then.
    return float(retry_after) if retry_after and retry_after.isdigit() else 0.0
