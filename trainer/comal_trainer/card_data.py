"""The card's field `data`: what the model was trained on, for whoever asks later."""

from __future__ import annotations

import re
from typing import Any, Final

from comal_trainer.card_values import check_fields, check_path, check_text, check_whole, invalid
from comal_trainer.contract import MODEL_FILE

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_FIELDS: Final = ("list", "source", "generated", "rows", "sha256")
_MOST_ROWS: Final = 10**15


def check_data(value: Any) -> None:
    """Raise JobFailure (ModelInvalid) for a wrong `data`; all of its fields are optional."""
    found = check_fields("data", value, _FIELDS)
    if "list" in found:
        check_path("data.list", found["list"])
    check_text("data.source", found.get("source", ""), 500)
    check_whole("data.rows", found.get("rows", 0), 0, _MOST_ROWS)
    if not isinstance(found.get("generated", False), bool):
        invalid(f"{MODEL_FILE}: data.generated: {found['generated']!r:.80} is not true or false")
    if "sha256" in found and not _SHA256.fullmatch(str(found["sha256"])):
        invalid(f"{MODEL_FILE}: data.sha256: {found['sha256']!r:.80} is not 64 hex digits")
