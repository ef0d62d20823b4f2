"""What the Pod that passes spans on is told, and why it may not do so. Standard library only."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import ClassVar, Final

from comal_trainer.contract import ContractError
from comal_trainer.contract.azure import Caller

RELAY_COMMAND: Final = "relay-spans"
SPANS_PORT: Final = 4318
READY_PATH: Final = "/readyz"
# Where it finds the connection string.
CONNECTION_DIR: Final = "/var/run/secrets/comal.dev/connection"
CONNECTION_FILE: Final = "connection-string"


class RelayReason(StrEnum):
    """Why spans are not passed on; docs/conditions.md says what to do."""

    MISSING = "ConnectionStringMissing"
    INVALID = "ConnectionStringInvalid"
    REFUSED = "ConnectionStringRefused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Insights(Caller):
    """Where spans go: what the connection string says in key `key` of the Secret `secret`."""

    key: str

    field: ClassVar[str] = "telemetry.azureMonitor"

    @property
    def place(self) -> str:
        """The words for it."""
        return f"{self.field}.connectionString: key {self.key} of Secret {self.secret}"


def relay_arguments(insights: Insights) -> tuple[str, ...]:
    """Return the container arguments."""
    text = json.dumps(asdict(insights), separators=(",", ":"), sort_keys=True)
    return RELAY_COMMAND, f"--target={text}"


def read_insights(text: str) -> Insights:
    """Return what `relay_arguments` says; raise ContractError."""
    try:
        return Insights(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise ContractError(f"--target names no destination: {error}") from None
