"""What every moment in the life of a TrainingRun must stand: told, then silent, then remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from argo_cd import argo_health
from gitops_eyes import eyes
from make import a_gated_run, a_registry, a_run, conditions
from training_world import World

Moment = tuple[Callable[[], World], str, set[str]]
"""A world; the reason of Ready; the other conditions, `!` for False, `:Reason` where it matters."""
AT_REST = {"Complete", "Failed:Cancelled", "Suspended"}


def training(**spec: Any) -> World:
    """Return a world with a run whose only step has its Job, without a Pod yet."""
    world = World().add(a_run(**spec))
    world.settle()
    return world


def gated(*there: Any, **register: Any) -> World:
    """Return a world with a run that registers its model, beside what is there already."""
    return World().add(a_gated_run(**register), a_registry(diabetes=len(there)), *there)


def check_moment(moment: Moment) -> World:
    """Check what the moment leads to, that a second look is silent, and that an end is final."""
    make, reason, wanted = moment
    world = make()
    world.settle()

    found = conditions(world.status())
    ready, why = found.pop("Ready")
    said = set().union(*(_said(kind, *item) for kind, item in found.items()))
    assert why == reason, world.status()["conditions"][0]["message"]
    assert ready == str(bool(AT_REST & wanted))
    assert wanted <= said
    assert {item.strip("!").partition(":")[0] for item in wanted} == set(found)
    assert (eyes().kstatus(world.run()), argo_health(world.run())[0]) == _for_gitops(wanted)

    _check_silent(world)
    if {"Complete", "Failed"} & set(found):
        _check_final(world)
    return world


def _for_gitops(wanted: set[str]) -> tuple[str, str]:
    """Return what kstatus and Argo CD are to say: wait, failed, or nothing wrong."""
    if AT_REST & wanted:
        return "Current", "Suspended" if "Suspended" in wanted else "Healthy"
    if {"Stalled", "Failed"} & wanted:
        return "Failed", "Degraded"
    return "InProgress", "Progressing"


def _said(kind: str, status: str, reason: str) -> set[str]:
    mark = "" if status == "True" else "!"
    return {f"{mark}{kind}", f"{mark}{kind}:{reason}"}


def _check_silent(world: World) -> None:
    plan = world.plan()
    assert plan.actions == ()
    assert [q for q in plan.questions if q not in world.answers] == []


def _check_final(world: World) -> None:
    """Check that nothing follows even when the cluster has forgotten all but the run."""
    later = world.copy()
    later.objects = {("TrainingRun", "diabetes"): later.run()}
    later.wait(days=400)
    plan = later.plan()
    assert (plan.actions, plan.questions, plan.requeue_after) == ((), (), None)
