"""Moments in the life of a ModelDeployment, and what each leads to."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from serving_moments import (
    a_stranger,
    after,
    back,
    baking,
    course,
    digest,
    ended,
    first_is_broken,
    forget,
    from_run,
    once,
    refused_by_its_pods,
    refusing,
    revisions,
    rolling,
    scaled,
    serving,
    settled,
    version,
    wanting,
    without_pods,
)
from serving_world import ServingWorld

ROWS = [
    # What it is, how it came about, what Ready says, Available, who is stable / candidate.
    ("no model yet", lambda: settled(wanting(latest=True)), "Stalled ModelNotFound", "False", "-"),
    (
        "one that heals",
        lambda: settled(settled(wanting(latest=True)).add(version(1))),
        "Ready Serving",
        "True",
        "1",
    ),
    (
        "no such version",
        lambda: settled(wanting(version="7").add(version(1))),
        "Stalled ModelNotFound",
        "False",
        "-",
    ),
    (
        "no such alias",
        lambda: settled(wanting(alias="production").add(version(1))),
        "Stalled AliasNotFound",
        "False",
        "-",
    ),
    (
        "another digest",
        lambda: settled(wanting(version="1", digest=digest(9)).add(version(1))),
        "Stalled DigestMismatch",
        "False",
        "-",
    ),
    (
        "no such run",
        lambda: settled(wanting(trainingRun="alpha")),
        "Stalled TrainingRunNotFound",
        "False",
        "-",
    ),
    ("a run that trains", from_run, "Going WaitingForTrainingRun", "False", "-"),
    ("a run that failed", lambda: ended("Failed"), "Stalled TrainingRunFailed", "False", "-"),
    (
        "a run that was rejected",
        lambda: ended("Complete"),
        "Stalled TrainingRunRejected",
        "False",
        "-",
    ),
    (
        "a run whose version is gone",
        lambda: ended("Complete", modelVersion="diabetes-v4"),
        "Stalled ModelNotFound",
        "False",
        "-",
    ),
    (
        "begun",
        lambda: once(wanting(latest=True).add(version(1)), 3),
        "Going Deploying",
        "False",
        "-/1",
    ),
    ("serving", serving, "Ready Serving", "True", "1"),
    ("an hour later", lambda: after(3600, serving()), "Ready Serving", "True", "1"),
    ("first share", rolling, "Going Progressing", "True", "1/2"),
    ("baking", baking, "Going Baking", "True", "2"),
    ("baked", lambda: after(600, baking()), "Ready Serving", "True", "2"),
    ("spec back to stable", lambda: back(rolling()), "Ready Serving", "True", "1"),
    ("spec back while baking", lambda: back(baking()), "Going Baking", "True", "1"),
    (
        "a third version",
        lambda: settled(rolling().add(version(3))),
        "Going Progressing",
        "True",
        "1/3",
    ),
    ("its model is gone again", lambda: forget(rolling()), "Ready Serving", "True", "1"),
    ("digest mismatch", refused_by_its_pods, "Stalled RolledBack", "True", "1"),
    (
        "not in the registry",
        lambda: refused_by_its_pods("ArtifactNotFound"),
        "Stalled RolledBack",
        "True",
        "1",
    ),
    (
        "registry away: it waits",
        lambda: refused_by_its_pods("RegistryUnreachable"),
        "Going Progressing",
        "True",
        "1/2",
    ),
    (
        "and in the end it does not",
        lambda: after(601, refused_by_its_pods("RegistryUnreachable")),
        "Stalled RolledBack",
        "True",
        "1",
    ),
    (
        "rejected is rejected",
        lambda: after(90_000, refused_by_its_pods()),
        "Stalled RolledBack",
        "True",
        "1",
    ),
    (
        "rejected, and back in Git",
        lambda: back(refused_by_its_pods()),
        "Ready Serving",
        "True",
        "1",
    ),
    (
        "first one broken",
        lambda: first_is_broken("DigestMismatch"),
        "Stalled DigestMismatch",
        "False",
        "-/1",
    ),
    (
        "first one slow",
        lambda: first_is_broken("RegistryUnreachable"),
        "Going Deploying",
        "False",
        "-/1",
    ),
    (
        "first one too slow",
        lambda: after(601, first_is_broken("RegistryUnreachable")),
        "Stalled NotStarting",
        "False",
        "-/1",
    ),
    ("all Pods gone", lambda: without_pods(serving()), "Going Unavailable", "False", "1"),
    ("more replicas", lambda: scaled(3), "Going Scaling", "True", "1"),
    (
        "a stranger's Service",
        lambda: a_stranger("Service", "diabetes"),
        "Stalled NameConflict",
        "False",
        "1",
    ),
    (
        "a stranger's account",
        lambda: a_stranger("ServiceAccount", "diabetes-serving"),
        "Stalled NameConflict",
        "True",
        "1",
    ),
    ("a quota", refusing, "Stalled ChildRefused", "False", "1"),
]


@pytest.mark.parametrize(
    ("make", "ready", "available", "who"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_moment(make: Callable[[], ServingWorld], ready: str, available: str, who: str) -> None:
    world = make()
    assert course(world) == ready, world.condition("Ready")["message"]
    assert world.condition("Available")["status"] == available
    assert revisions(world) == who
    for one in world.status["conditions"]:
        assert one["observedGeneration"] == world.mdep["metadata"]["generation"]


@pytest.mark.parametrize("make", [row[1] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_second_look_is_silent_and_changes_nothing_it_was_given(
    make: Callable[[], ServingWorld],
) -> None:
    world = make()
    world.controllers()
    world.settle()
    before = copy.deepcopy(world.objects)
    plan = world.plan()
    assert not plan.actions
    assert world.objects == before
