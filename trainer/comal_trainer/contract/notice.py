"""One notice of a run to a webhook. Standard library only, as the operator imports this."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from comal_trainer.contract import ContractError

NOTIFY_COMMAND: Final = "notify"
WEBHOOK_DIR: Final = "/var/run/secrets/comal.dev/webhook"
WEBHOOK_FILE: Final = "url"


def notify_arguments(event: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the container arguments of the job that sends `event`."""
    text = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
    # `$(X)` in an argument would be expanded by the kubelet; a message means the text.
    return NOTIFY_COMMAND, f"--event={text}".replace("$(", "$$(")


def read_event(text: str) -> dict[str, Any]:
    """Return the event of `notify_arguments`; raise ContractError."""
    try:
        event = json.loads(text)
    except ValueError as error:
        raise ContractError(f"--event is no JSON: {error}") from None
    if not isinstance(event, dict) or event.get("specversion") != "1.0":
        raise ContractError("--event is no CloudEvent 1.0")
    return event
