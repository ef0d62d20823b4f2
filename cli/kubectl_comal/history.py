"""What there was: revisions of a deployment, attempts of a run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.table import Table

from kubectl_comal.ages import age
from kubectl_comal.cluster import Cluster, Object
from kubectl_comal.objects import DEPLOYMENT, Found

Row = dict[str, Any]
_CORE = "/api/v1"
_OF_DEPLOYMENT = ("number", "revision", "model", "role", "made", "why")
_OF_RUN = ("step", "attempt", "reason", "pod", "node", "made", "message")


def history(cluster: Cluster, found: Found) -> list[Row]:
    """Return what there was, newest first, as plain values."""
    return _revisions(cluster, found) if found.kind is DEPLOYMENT else _attempts(cluster, found)


def history_table(found: Found, rows: list[Row], now: datetime | None = None) -> Table:
    """Return the rows as people read them."""
    columns = _OF_DEPLOYMENT if found.kind is DEPLOYMENT else _OF_RUN
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column.upper(), no_wrap=column not in ("why", "message"))
    for row in rows:
        made = age(row["made"], now)
        shown = {**row, "made": f"{made} ago" if made else ""}
        table.add_row(*(str(shown.get(column) or "") for column in columns))
    return table


def _revisions(cluster: Cluster, found: Found) -> list[Row]:
    path = cluster.path("controllerrevisions", root="/apis/apps/v1")
    label = f"comal.dev/model-deployment={found.name}"
    listed = cluster.items(path, what=f"list the revisions of {found.name}", labelSelector=label)
    listed.sort(key=lambda one: int(one["revision"]), reverse=True)
    return [_revision(found, one) for one in listed]


def _revision(found: Found, snapshot: Object) -> Row:
    status = found.status
    revision = snapshot["metadata"]["labels"]["comal.dev/revision"]
    roles = ("stable", "candidate", "previous")
    role = next((r for r in roles if (status.get(r) or {}).get("revision") == revision), "")
    rejection: Mapping[str, Any] = next(
        (one for one in status.get("rejected") or () if one["revision"] == revision), {}
    )
    why = f"{rejection['reason']}: {rejection.get('message', '')}" if rejection else ""
    return {
        "number": snapshot["revision"],
        "revision": revision,
        "model": snapshot["data"]["modelVersion"],
        "digest": snapshot["data"]["digest"],
        "role": role or ("rejected" if rejection else ""),
        "made": snapshot["metadata"]["creationTimestamp"],
        "why": why,
    }


def kept_logs(cluster: Cluster, run: Found) -> list[Object]:
    """Return the kept ends of logs of a run's failed attempts, newest first."""
    label = f"comal.dev/training-run={run.name},app.kubernetes.io/component=training-log"
    path = cluster.path("configmaps", root=_CORE)
    listed = cluster.items(path, what=f"list the logs of {run.name}", labelSelector=label)
    return sorted(listed, key=lambda one: str(one["metadata"]["creationTimestamp"]), reverse=True)


def _attempts(cluster: Cluster, found: Found) -> list[Row]:
    """Return the failed attempts that were kept, then how each step is now."""
    failed = [
        {
            "step": one["metadata"]["labels"].get("comal.dev/step"),
            "attempt": one["metadata"]["labels"].get("comal.dev/attempt"),
            "reason": (one["metadata"].get("annotations") or {}).get("comal.dev/reason"),
            "message": (one["metadata"].get("annotations") or {}).get("comal.dev/message"),
            "pod": (one["metadata"].get("annotations") or {}).get("comal.dev/pod"),
            "node": (one["metadata"].get("annotations") or {}).get("comal.dev/node"),
            "made": one["metadata"]["creationTimestamp"],
        }
        for one in kept_logs(cluster, found)
    ]
    now = [
        {
            "step": step["name"],
            "attempt": step.get("attempts"),
            "reason": step["state"],
            "node": step.get("node"),
            "made": step.get("completionTime") or step.get("startTime") or "",
            "message": step.get("message") if step["state"] == "Failed" else "",
        }
        for step in reversed(found.status.get("steps") or ())
        if step["state"] != "Failed"
    ]
    return [*now, *failed]
