"""The series of metrics that a training leaves: what was measured when, once its volume is gone."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

from rich.table import Table

from kubectl_comal.cluster import Cluster
from kubectl_comal.errors import ComalError
from kubectl_comal.objects import Found

Row = dict[str, Any]
_CORE = "/api/v1"
_COMPONENT = "training-series"
_FILE = "metrics.jsonl.gz"


def series(cluster: Cluster, found: Found) -> list[Row]:
    """Return the lines as they were reported; raise ComalError where none are kept."""
    label = f"comal.dev/training-run={found.name},app.kubernetes.io/component={_COMPONENT}"
    path = cluster.path("configmaps", root=_CORE)
    kept = cluster.items(path, what=f"list the metrics of {found.name}", labelSelector=label)
    mine = [one for one in kept if _belongs(one, found)]
    if not mine:
        raise ComalError(
            f"no series of metrics is kept of {found.name}: it is, once the metrics are collected,"
            " where a step reported some while it ran (docs/step-contract.md)"
        )
    packed = base64.b64decode(mine[-1]["binaryData"][_FILE])
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]


def series_table(rows: list[Row]) -> Table:
    """Return the lines as people read them: a column for each metric."""
    names = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("FROM", "TIME", "STEP", "EPOCH", *names):
        table.add_column(column, no_wrap=True)
    for row in rows:
        facts = (row.get(key) for key in ("from", "time", "step", "epoch"))
        values = (row["metrics"].get(name) for name in names)
        table.add_row(*("" if one is None else str(one) for one in (*facts, *values)))
    return table


def _belongs(config_map: Row, found: Found) -> bool:
    owners = config_map["metadata"].get("ownerReferences") or ()
    return any(owner["uid"] == found.body["metadata"]["uid"] for owner in owners)
