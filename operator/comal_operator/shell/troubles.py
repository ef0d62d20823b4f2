"""What is wrong with whom, as a metric: alerts can name the object and the reason."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from comal_operator.api.meta import GROUP
from comal_operator.core.conditions import is_true
from comal_operator.core.plan import Manifest
from comal_operator.shell.metrics import TROUBLE

# The others are no trouble when False, or say it in other words.
_SHOULD_HOLD: Final = frozenset(
    {
        "Ready",
        "Available",
        "Mirrored",
        "AzureAuthorized",
        "WorkspaceFound",
        "RecordsDeleted",
        "ScalingActive",
    }
)
_Labels = tuple[str, str, str, str, str]


class Troubles:
    """Keeps the metric in step with the objects: a series for each trouble, none without."""

    def __init__(self) -> None:
        self._shown: dict[Hashable, frozenset[_Labels]] = {}

    def show(self, key: Hashable, body: Manifest | None) -> None:
        """Show what is wrong with `body` now; nothing is with what is gone."""
        before = self._shown.get(key, frozenset())
        now = frozenset() if body is None else troubles_of(body)
        for labels in before - now:
            TROUBLE.remove(*labels)
        for labels in now - before:
            TROUBLE.labels(*labels).set(1)
        if now:
            self._shown[key] = now
        else:
            self._shown.pop(key, None)


def troubles_of(body: Manifest) -> frozenset[_Labels]:
    """Return kind, namespace, name, condition and reason of all that is not as it should be.

    A run that has ended has none: its end is final, and told by its events and `notify`.
    """
    if not str(body.get("apiVersion", "")).startswith(f"{GROUP}/"):
        return frozenset()
    conditions = (body.get("status") or {}).get("conditions") or ()
    if is_true(conditions, "Complete") or is_true(conditions, "Failed"):
        return frozenset()
    meta = body["metadata"]
    return frozenset(
        (body["kind"], meta.get("namespace", ""), meta["name"], one["type"], one.get("reason", ""))
        for one in conditions
        if (one["type"] in _SHOULD_HOLD and one["status"] == "False")
        or (one["type"] == "Stalled" and one["status"] == "True")
    )
