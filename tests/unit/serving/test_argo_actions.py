"""What Argo CD's menu offers in each situation, and that choosing it does what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from argo_cd import argo_actions, argo_patch, defined_actions
from make import a_run
from serving_moments import back, baking, refused_by_its_pods, rolling, serving, settled, wanting
from serving_world import ServingWorld
from truth_table import APPROVED_BY_HAND, ask

CLIMBS = {"pause", "promote", "abort"}


def waiting() -> ServingWorld:
    return rolling(steps=APPROVED_BY_HAND)


def paused() -> ServingWorld:
    return ask(rolling(), "pause")


def chosen(world: ServingWorld, action: str) -> ServingWorld:
    """Send what Argo CD sends for `action`."""
    patch = argo_patch(world.mdep, action)
    assert set(patch) == {"metadata"}
    assert set(patch["metadata"]) == {"annotations"}
    had = world.mdep["metadata"].get("annotations") or {}
    now = {**had, **patch["metadata"]["annotations"]}
    left = {key: value for key, value in now.items() if value is not None}
    world.mdep["metadata"]["annotations"] = left
    return settled(world)


@pytest.mark.parametrize(
    ("moment", "offered"),
    [
        (lambda: wanting(latest=True), set()),
        (serving, set()),
        (rolling, CLIMBS),
        (waiting, {*CLIMBS, "approve"}),
        (paused, {"resume", "promote", "abort"}),
        (baking, {"rollback"}),
        (refused_by_its_pods, {"retry"}),
        (lambda: back(refused_by_its_pods()), {"retry"}),
    ],
)
def test_the_menu_offers_what_can_be_done(
    moment: Callable[[], ServingWorld], offered: set[str]
) -> None:
    assert argo_actions(moment().mdep) == offered


@pytest.mark.parametrize(
    ("moment", "action", "reason"),
    [
        (rolling, "pause", "Paused"),
        (paused, "resume", "Progressing"),
        (waiting, "approve", "Progressing"),
        (rolling, "promote", "Baking"),
        (rolling, "abort", "RolledBack"),
        (baking, "rollback", "RolledBack"),
        (lambda: ask(rolling(), "abort"), "retry", "Progressing"),
    ],
)
def test_a_choice_is_a_request(
    moment: Callable[[], ServingWorld], action: str, reason: str
) -> None:
    world = chosen(moment(), action)
    [newest, *_] = world.status["requests"]
    assert newest["request"].startswith(f"{action}@")
    assert "refused" not in newest
    # Alice asked for what was asked before, not for this.
    assert "by" not in newest
    assert world.condition("Ready")["reason"] == reason


@pytest.mark.parametrize(
    ("spec", "conditions", "offered"),
    [
        ({}, [], {"suspend", "cancel"}),
        ({"suspend": True}, [], {"resume", "cancel"}),
        ({"cancel": True}, [], set()),
        ({}, [{"type": "Complete", "status": "True"}], set()),
    ],
)
def test_the_menu_of_a_run(
    spec: dict[str, Any], conditions: list[dict[str, str]], offered: set[str]
) -> None:
    run = {**a_run(**spec), "status": {"conditions": conditions}}
    assert argo_actions(run) == offered


@pytest.mark.parametrize(
    ("action", "spec"),
    [("suspend", {"suspend": True}), ("resume", {"suspend": False}), ("cancel", {"cancel": True})],
)
def test_a_choice_for_a_run_is_a_field(action: str, spec: dict[str, bool]) -> None:
    # An empty list and an empty map are the same to Lua.
    run = a_run(parameters={}, tags=[])
    assert argo_patch(run, action) == {"spec": spec}


def test_nothing_is_offered_that_has_no_script() -> None:
    assert {*CLIMBS, "resume", "approve", "rollback", "retry"} == defined_actions(serving().mdep)
    assert defined_actions(a_run()) == {"suspend", "resume", "cancel"}
