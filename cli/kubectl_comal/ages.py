"""Times as people read them beside each other: 45s, 12m, 3h, 5d."""

from __future__ import annotations

from datetime import UTC, datetime


def age(timestamp: str | None, now: datetime | None = None) -> str:
    """Return how long ago a timestamp was; empty for none."""
    if not timestamp:
        return ""
    moment = datetime.fromisoformat(timestamp)
    seconds = int(((now or datetime.now(UTC)) - moment).total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"
