"""What Flux makes of each situation by the expressions that we ship: its own evaluator says."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cluster.paths import REPOSITORY
from gitops_eyes import eyes
from make import a_run
from serving_moments import wanting
from truth_table import ROWS, Row

TABLE = [pytest.param(row, id=row.situation) for row in ROWS]
# Nothing that it waits for comes by itself, or it may last for a day.
NOT_WAITED_FOR = {"Baking", "AwaitingApproval", "Paused", "Held"}


def shipped(name: str) -> Any:
    return yaml.safe_load((REPOSITORY / "manifests/gitops/flux" / f"{name}.yaml").read_text())


@pytest.mark.parametrize("row", TABLE)
def test_one_waits_for_all_that_git_says(row: Row) -> None:
    broken = row.kstatus == "Failed" or row.reason == "Unavailable"
    expected = "Failed" if broken else row.kstatus
    assert eyes().flux(row.moment().mdep, shipped("ready")) == expected


@pytest.mark.parametrize("row", TABLE)
def test_one_goes_on_while_the_endpoint_serves(row: Row) -> None:
    expected = "Current" if row.reason in NOT_WAITED_FOR else row.kstatus
    if row.reason == "Unavailable":
        expected = "Failed"
    assert eyes().flux(row.moment().mdep, shipped("available")) == expected


@pytest.mark.parametrize("name", ["ready", "available"])
def test_what_nobody_has_seen_is_waited_for(name: str) -> None:
    for status in ({"observedGeneration": -1}, {"observedGeneration": 1}):
        new = {**wanting(latest=True).mdep, "status": status}
        assert eyes().flux(new, shipped(name)) == "InProgress"


@pytest.mark.parametrize("name", ["ready", "available"])
def test_other_kinds_are_judged_by_kstatus(name: str) -> None:
    run = {**a_run(), "status": {"observedGeneration": -1}}
    assert eyes().flux(run, shipped(name)) == "InProgress"


def test_flux_refuses_a_field_that_it_does_not_know() -> None:
    wrong = shipped("ready")
    wrong["spec"]["healthChecksExprs"] = []
    with pytest.raises(AssertionError, match="healthChecksExprs"):
        eyes().flux(wanting(latest=True).mdep, wrong)
