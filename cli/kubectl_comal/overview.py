"""Everything of a namespace in one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from rich.table import Table
from rich.text import Text

from kubectl_comal.ages import age
from kubectl_comal.objects import DEPLOYMENT, Found


def overview(all_found: Iterable[Found], now: datetime | None = None) -> Table:
    """Return one row for each object."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("NAME", "READY", "STATE", "MODEL", "PROGRESS", "AGE"):
        table.add_column(column, no_wrap=True)
    for found in all_found:
        ready = found.condition("Ready")
        stalled = found.condition("Stalled").get("status") == "True"
        table.add_row(
            f"{found.kind.spellings[0]}/{found.name}",
            str(ready.get("status", "")),
            Text(str(ready.get("reason", "")), style="red" if stalled else ""),
            _model(found),
            _progress(found),
            age(found.body["metadata"]["creationTimestamp"], now),
        )
    return table


def _model(found: Found) -> str:
    status = found.status
    if found.kind is not DEPLOYMENT:
        return str(status.get("modelVersion") or "")
    stable: Mapping[str, str] = status.get("stable") or {}
    candidate: Mapping[str, str] = status.get("candidate") or {}
    names = [one["modelVersion"] for one in (stable, candidate) if one]
    return " → ".join(names)


def _progress(found: Found) -> str:
    status = found.status
    if found.kind is DEPLOYMENT:
        weight = status.get("weight")
        return "" if weight is None else f"{weight} % {status.get('step', '')}".strip()
    told = (status.get("progress") or {}).get("text") or status.get("metric") or ""
    return " ".join(part for part in (status.get("activeStep"), told) if part)
