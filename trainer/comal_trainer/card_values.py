"""Values of model.yaml that several of its parts have, and how a wrong one is told."""

from __future__ import annotations

import re
from typing import Any, Final, Never

from comal_trainer.contract import MODEL_FILE, Reason
from comal_trainer.failure import JobFailure

_PATH_PART: Final = re.compile(r"[A-Za-z0-9_+@=,() .-]{1,255}")


def invalid(message: str) -> Never:
    """Raise the failure of a model folder that only its maker can put right."""
    raise JobFailure(Reason.MODEL_INVALID, message)


def check_path(field: str, path: object) -> str:
    """Return a relative path that stays below the model folder; raise JobFailure otherwise."""
    parts = path.split("/") if isinstance(path, str) else [""]
    if any(part in {"", ".", ".."} or not _PATH_PART.fullmatch(part) for part in parts):
        wanted = "write a plain relative path inside the model folder"
        invalid(f"{MODEL_FILE}: {field}: {path!r:.80} is not allowed; {wanted}")
    return str(path)


def check_whole(field: str, value: Any, least: int, most: int) -> None:
    """Raise JobFailure unless the value is a whole number in the bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        message = f"{value!r:.80} is not a whole number from {least} to {most}"
        invalid(f"{MODEL_FILE}: {field}: {message}")


def check_text(field: str, value: Any, most: int) -> None:
    """Raise JobFailure unless the value is a text that is not too long."""
    if not isinstance(value, str) or len(value) > most:
        invalid(f"{MODEL_FILE}: {field}: {value!r:.80} is no text of at most {most} characters")


def check_fields(field: str, value: Any, allowed: tuple[str, ...]) -> dict[str, Any]:
    """Return an object with no other fields than these; raise JobFailure otherwise."""
    if not isinstance(value, dict) or set(value) - set(allowed):
        wanted = f"expected {{{', '.join(allowed)}}}"
        invalid(f"{MODEL_FILE}: {field}: {wanted}, found {value!r:.80}")
    return value
