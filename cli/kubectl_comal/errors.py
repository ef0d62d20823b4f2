"""What a person is told when something does not work: what it was, and what to do."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable


class ComalError(Exception):
    """Ends the command; the text is all that the person sees."""


class ApiError(ComalError):
    """The API server said no."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def refusal(status: int, body: str, *, what: str) -> ApiError:
    """Return the API server's refusal as a sentence; `what` was tried."""
    try:
        message = str(json.loads(body).get("message") or body)
    except ValueError:
        message = body.strip()
    if status == 401:
        return ApiError(
            status, f"the cluster does not know you: log in again ({message or 'Unauthorized'})"
        )
    if status == 403:
        return ApiError(
            status,
            f"you may not {what}: {message}. Ask for the role `edit` in the namespace,"
            " or `view` to look only",
        )
    return ApiError(status, f"cannot {what}: {message or f'status {status}'}")


def missing(kind: str, name: str, namespace: str, there: Iterable[str]) -> ComalError:
    """Return that there is no such object, with the names that are most like it."""
    names = sorted(set(there))
    head = f"there is no {kind} {name} in namespace {namespace}"
    if not names:
        return ComalError(f"{head}, nor any other: is it the right namespace (-n)?")
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    if near:
        return ComalError(f"{head}; did you mean {' or '.join(near)}?")
    return ComalError(f"{head}; there are {', '.join(names[:10])}")
