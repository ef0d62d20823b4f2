"""What a caller did wrong, or must wait for: one error, one status, one sentence."""

from __future__ import annotations

import json


class RequestError(Exception):
    """An answer other than 200; the message names the field, its value and the remedy."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Keep what the answer needs; `headers` are added to the usual ones."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers = headers

    def body(self) -> bytes:
        """Return the JSON body of the answer."""
        error = {"code": self.code, "field": self.field, "message": self.message}
        return json.dumps({"error": error}).encode()


def bad_request(code: str, field: str, message: str) -> RequestError:
    """Return the error for a body that is wrong at `field`."""
    return RequestError(400, code, message, field=field)


def shown(value: object) -> str:
    """Return a value as an error message may show it: short, and plain ASCII."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."
