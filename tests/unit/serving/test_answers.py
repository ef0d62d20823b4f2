"""Answers to copies beside stable's: which Job compares, what is told, and who is rolled back."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.core.conditions import parse_timestamp
from comal_trainer.contract.comparison import Compared, Sides, read_sides
from make import an_object
from serving_cluster import Object
from serving_moments import course, revisions, serving, version
from serving_world import ServingWorld

SHADOW = [{"shadow": "20", "for": "2m"}, {"percent": "50", "for": "60s"}]
ONE_IN_A_HUNDRED = {"answers": {"maxDifferent": "0.01"}}


def copied(*, mirror: str | None = None, steps: Any = SHADOW, **rollout: Any) -> ServingWorld:
    """Version 1 serves, version 2 has its first share or shadow."""
    world = serving(steps=steps, **rollout)
    if mirror is not None:
        world.edit(traffic={"mirror": {"percent": mirror}})
    world.add(version(2))
    world.settle()
    return world


def running(world: ServingWorld) -> list[Object]:
    found = [one for (kind, _), one in sorted(world.objects.items()) if kind == "Job"]
    return [one for one in found if "status" not in one]


def sides(job: Object) -> Sides:
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["args"][0] == "compare"
    return read_sides(container["args"][1].removeprefix("--sides="))


def due(world: ServingWorld, seconds: float = 60) -> Object:
    """Wait for the next round's Job."""
    for _ in range(int(seconds / 5)):
        world.settle(5)
        if running(world):
            break
    [job] = running(world)
    return job


def found(
    world: ServingWorld, compared: int, different: int = 0, greatest: float = 0.0, **more: Any
) -> None:
    """Let the next round find that."""
    job = due(world, **more)
    told = Compared("compared", "so", compared, different, greatest)
    end(world, job, told.encode())


def end(world: ServingWorld, job: Object, message: str, code: int = 0) -> None:
    pod = an_object("Pod", f"{job['metadata']['name']}-x", api="v1")
    pod["metadata"]["labels"] = dict(job["spec"]["template"]["metadata"]["labels"])
    pod["metadata"]["deployment"] = "gone"
    pod["metadata"]["ownerReferences"] = [{"uid": job["metadata"]["uid"], "controller": True}]
    state = {"terminated": {"exitCode": code, "message": message}}
    pod["status"] = {"containerStatuses": [{"name": "smoke", "state": state}]}
    world.add(pod)
    job["status"] = {"conditions": [{"type": "Failed" if code else "Complete", "status": "True"}]}
    world.settle()


def answers(world: ServingWorld) -> dict[str, Any]:
    told: dict[str, Any] = (world.status.get("analysis") or {}).get("answers") or {}
    return {name: told.get(name) for name in ("compared", "different", "greatest", "rounds")}


def said(world: ServingWorld) -> str:
    return str(world.condition("AnalysisHealthy")["message"])


def test_a_shadow_is_compared_each_half_minute_and_told() -> None:
    world = copied()
    since = parse_timestamp(world.status["stepSince"])
    asked = []
    for compared, different in ((40, 0), (60, 2)):
        job = due(world)
        asked.append(sides(job))
        found(world, compared, different, 0.5 if different else 0.0)
    assert [one.header for one in asked] == ["x-comal-answers"] * 2
    # One goes on where the other ended: no answer counts twice, and none before the step.
    assert asked[0].since == since.timestamp()
    assert asked[1].since == asked[0].until
    assert 10 <= asked[0].until - asked[0].since < 20
    assert 30 <= asked[1].until - asked[1].since < 45
    assert len(asked[0].candidate) == len(asked[0].stable) == 2
    assert not set(asked[0].candidate) & set(asked[0].stable)
    assert answers(world) == {"compared": 100, "different": 2, "greatest": "0.5", "rounds": 2}
    assert "2 of 100 answers to copies differ (2.0 %), by 0.5 at most" in said(world)
    # No limit is given, so none is judged.
    world.settle(120)
    assert world.status["weight"] == "50"


def test_jobs_are_restricted_and_reach_scoring_pods_alone() -> None:
    world = copied()
    job = due(world)
    pod = job["spec"]["template"]
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["securityContext"]["runAsNonRoot"]
    policy = world.objects["NetworkPolicy", "diabetes-smoke"]["spec"]
    marks = policy["podSelector"]["matchLabels"]
    assert marks.items() <= pod["metadata"]["labels"].items()


def test_too_many_different_answers_roll_back_and_stand_in_the_condition() -> None:
    world = copied(analysis=ONE_IN_A_HUNDRED)
    found(world, 50, 20, 3.25)
    assert (course(world), revisions(world)) == ("Stalled RolledBack", "1")
    text = "20 of 50 answers to copies differ (40.0 %), by 3.25 at most; at most 0.01 of them may"
    assert f"DifferentAnswers: {text}" in world.condition("Ready")["message"]
    assert world.condition("AnalysisHealthy")["reason"] == "DifferentAnswers"
    assert not running(world)


def test_held_for_a_look_it_keeps_its_pods() -> None:
    world = copied(analysis=ONE_IN_A_HUNDRED, onFailure="Hold")
    found(world, 50, 20)
    assert (course(world), world.status["weight"]) == ("Going Held", "0")
    assert world.condition("AnalysisHealthy")["reason"] == "DifferentAnswers"


@pytest.mark.parametrize("policy", ["Hold", "Promote", "Fail"])
def test_a_judged_step_is_left_when_enough_is_compared(policy: str) -> None:
    rule = {**ONE_IN_A_HUNDRED, "onInsufficientTraffic": policy}
    world = copied(analysis=rule, deadline="20m")
    for _ in range(4):
        found(world, 10)
    world.settle(30)
    if policy == "Promote":
        assert world.status["weight"] == "50"
        return
    if policy == "Fail":
        assert course(world) == "Stalled RolledBack"
        message = world.condition("Ready")["message"]
        assert "InsufficientTraffic: its time is over; it waited until 100 answers" in message
        return
    assert course(world) == "Going AwaitingTraffic"
    assert (
        "until 100 answers are compared at this step, 40 so far"
        in (world.condition("Ready")["message"])
    )
    found(world, 60)
    assert world.status["weight"] == "50"


@pytest.mark.parametrize("rule", ["Hold", "Rollback", "Continue"])
def test_pods_that_show_no_answers_are_neither_good_nor_bad(rule: str) -> None:
    world = copied(analysis={**ONE_IN_A_HUNDRED, "onError": rule}, deadline="20m")
    text = "nothing is compared: no Pod of stable shows its answers: its image keeps none"
    for _ in range(1 if rule == "Rollback" else 2):
        job = due(world, 90)
        end(world, job, Compared("error", text, 0, 0, 0.0).encode())
    if rule == "Rollback":
        assert course(world) == "Stalled RolledBack"
        assert f"CheckError: {text}" in world.condition("Ready")["message"]
        return
    world.settle(60)
    if rule == "Continue":
        assert world.status["weight"] == "50"
        return
    assert world.status["shadow"] == "20"
    assert text in said(world)
    assert text in world.condition("Ready")["message"]


def test_a_mirror_is_compared_at_each_step_until_stable_answers_nobody() -> None:
    steps = [{"percent": "10", "for": "60s"}]
    world = copied(mirror="5", steps=steps)
    found(world, 7, 1)
    assert world.status["analysis"]["answers"]["step"] == "10"
    due(world)
    world.settle(400)
    assert (revisions(world), len(running(world))) == ("2", 1)


def test_without_copies_nothing_is_compared() -> None:
    world = copied(steps=[{"percent": "10", "for": "2m"}])
    world.settle(110)
    assert not running(world)
    assert answers(world)["rounds"] is None


def test_a_job_that_cannot_run_is_made_again_after_a_while() -> None:
    world = copied()
    job = due(world)
    end(world, job, "no such program", code=1)
    assert answers(world) == {"compared": 0, "different": 0, "greatest": "0", "rounds": 1}
    assert "the Job that compares answers has failed" in said(world)
    begun = world.now
    due(world, 90)
    assert 50 <= (world.now - begun).total_seconds() <= 80


def test_an_operator_that_starts_anew_goes_on_counting() -> None:
    """All that is counted stands in status: each look of these tests begins with it."""
    world = copied()
    found(world, 10, 1, 2.0)
    kept = world.status["analysis"]["answers"]
    world.settle(1)
    assert world.status["analysis"]["answers"] == kept
    found(world, 10, 0)
    assert answers(world) == {"compared": 20, "different": 1, "greatest": "2", "rounds": 2}
