"""The connection string, as it stands in the Secret now."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from comal_trainer.contract.spans import Insights, RelayReason

_GET = "take it from the Application Insights resource (az monitor app-insights component show)"


class Unusable(Exception):  # noqa: N818 - it is no error of ours
    """Why nothing can be passed on, in words for a person; no word of the string is in it."""

    def __init__(self, reason: StrEnum, message: str, about: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.about = about
        """What it is about, as a digest: of another string it is another thing."""

    @property
    def said(self) -> str:
        """What the operator reads."""
        return json.dumps({"reason": str(self.reason), "message": str(self)})


@dataclass(frozen=True)
class Connection:
    """What stands there, be it a connection string or not."""

    text: str

    @property
    def host(self) -> str:
        """Who is called, for messages."""
        for part in self.text.split(";"):
            name, _, value = part.partition("=")
            if name.lower() == "ingestionendpoint":
                return urlsplit(value).hostname or "the ingestion"
        return "the ingestion"

    @property
    def about(self) -> str:
        """A digest by which a string is known again."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def read_connection(insights: Insights, file: Path) -> Connection:
    """Return what the file says now; raise Unusable."""
    try:
        text = file.read_text().strip()
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError):
        text = "not text"
    if not text:
        message = f"{insights.place} does not exist, or is empty: create it; {_GET}"
        raise Unusable(RelayReason.MISSING, message)
    return Connection(text)


def invalid(insights: Insights, connection: Connection) -> Unusable:
    """Return why a string is none."""
    message = (
        f"{insights.place} is no connection string such as"
        f" InstrumentationKey=<id>;IngestionEndpoint=https://<host>/: {_GET}"
    )
    return Unusable(RelayReason.INVALID, message, connection.about)


def refused(insights: Insights, connection: Connection, status: int) -> Unusable:
    """Return why Azure takes nothing that is sent with this string."""
    why = f"HTTP {status}"
    if status in (401, 403):
        why += ", as resources do that take no telemetry without a login of Entra's"
    message = f"{insights.place}: {connection.host} refuses what is sent with it ({why}): {_GET}"
    return Unusable(RelayReason.REFUSED, message, connection.about)
