"""What Ready, Reconciling, Stalled and Available say in each situation of the truth table, and what
kstatus and Argo CD make of it: by the libraries themselves.
"""

from __future__ import annotations

import pytest

from argo_cd import argo_health
from gitops_eyes import eyes
from serving_moments import wanting
from truth_table import ABSENT, ROWS, Row


@pytest.mark.parametrize("row", [pytest.param(row, id=row.situation) for row in ROWS])
def test_the_truth_table(row: Row) -> None:
    world = row.moment()
    kinds = ("Ready", "Reconciling", "Stalled", "Available")
    assert tuple(world.condition(kind)["status"] for kind in kinds) == row.said
    assert world.condition("Ready")["reason"] == row.reason
    assert eyes().kstatus(world.mdep) == row.kstatus
    assert argo_health(world.mdep) == (
        row.argo,
        f"{row.reason}: {world.condition('Ready')['message']}",
    )
    for kind in ("Reconciling", "Stalled"):
        condition = world.condition(kind)
        same = condition["status"] == ABSENT or condition["reason"] == row.reason
        assert same, f"{kind} gives another reason than Ready"
    for condition in world.status["conditions"]:
        assert condition["observedGeneration"] == world.mdep["metadata"]["generation"]
        assert condition["message"], f"{condition['type']} says nothing"


def test_nobody_has_looked_yet() -> None:
    new = {**wanting(latest=True).mdep, "status": {"observedGeneration": -1}}
    assert eyes().kstatus(new) == "InProgress"
    assert argo_health(new)[0] == "Progressing"


def test_a_change_that_nobody_has_seen() -> None:
    world = next(row for row in ROWS if row.situation == "steady").moment()
    world.mdep["metadata"]["generation"] += 1
    assert eyes().kstatus(world.mdep) == "InProgress"
    assert argo_health(world.mdep)[0] == "Progressing"
