"""Conditions: how they keep their transition times and how they sum up for kstatus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

MESSAGE_LIMIT = 4096


def timestamp(moment: datetime) -> str:
    """Return `moment` as metav1.Time writes it: UTC, whole seconds, Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    """Return the moment that a metav1.Time or metav1.MicroTime names."""
    return datetime.fromisoformat(text)


def condition(kind: str, status: bool | None, reason: str, message: str = "") -> dict[str, Any]:
    """Return a condition without time and generation; `merge` puts both in."""
    if len(message) > MESSAGE_LIMIT:
        message = message[: MESSAGE_LIMIT - 1] + "…"
    text = "Unknown" if status is None else str(status)
    # A StrEnum is a str, but not to every serializer.
    return {"type": kind, "status": text, "reason": str(reason), "message": message}


def as_said(before: Mapping[str, Any]) -> dict[str, Any]:
    """Return a condition of a status as `condition` made it: to say the same again."""
    return {key: before[key] for key in ("type", "status", "reason", "message")}


def merge(
    old: Iterable[Mapping[str, Any]],
    new: Iterable[Mapping[str, Any]],
    *,
    generation: int,
    now: datetime,
) -> list[dict[str, Any]]:
    """Return `new` with generation, keeping the transition time of every status that stayed.

    Conditions that only `old` has are left out: if they were ours, server-side apply removes
    them; if somebody else's, it keeps them, because we never owned them.
    """
    before = {item["type"]: item for item in old}
    merged = []
    for item in new:
        was = before.get(item["type"])
        same = was is not None and was.get("status") == item["status"]
        since = was.get("lastTransitionTime") if was is not None and same else None
        merged.append(
            {
                **item,
                "observedGeneration": generation,
                "lastTransitionTime": since or timestamp(now),
            }
        )
    return merged


def find(conditions: Iterable[Mapping[str, Any]] | None, kind: str) -> Mapping[str, Any] | None:
    """Return the condition of that type, or None."""
    return next((item for item in conditions or () if item.get("type") == kind), None)


def is_true(conditions: Iterable[Mapping[str, Any]] | None, kind: str) -> bool:
    """Return whether the condition of that type is there and True."""
    item = find(conditions, kind)
    return item is not None and item.get("status") == "True"
