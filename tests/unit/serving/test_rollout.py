"""How shares rise and fall: step by step, acknowledged, and back."""

from __future__ import annotations

import copy

import pytest

from comal_operator.core.serving.acknowledgement import traffic_of
from serving_moments import (
    back,
    baking,
    refused_by_its_pods,
    rolling,
    serving,
    version,
)


def test_steps_in_order_with_time_between() -> None:
    world = serving().add(version(2))
    told: list[tuple[str, str]] = []
    for _ in range(60):
        world.settle(10)
        status = world.status
        if "candidate" in status:
            pair = (status["weight"], status["step"])
            told += [] if pair in told else [pair]
    assert told == [("10", "1/3"), ("50", "2/3")]
    assert world.status["stable"]["modelVersion"] == "diabetes-v2"
    assert [one["percent"] for one in world.status["traffic"]] == ["100"]


def test_no_share_before_every_router_has_followed() -> None:
    world = serving()
    world.lazy = True
    world.add(version(2))
    world.settle(300)
    assert world.status["weight"] == "0"
    assert world.condition("RouteReady")["reason"] == "NotAcknowledged"
    shares = {one["revision"]: one for one in world.status["traffic"]}
    candidate = shares[world.status["candidate"]["revision"]]
    assert "acknowledgedPercent" not in candidate

    world.lazy = False
    world.settle()
    assert world.status["weight"] == "10"
    assert world.condition("RouteReady")["status"] == "True"


def test_one_silent_router_holds_everything_and_an_unready_one_nothing() -> None:
    world = serving()
    pod = world.routers()[0]
    world.silent.add(pod["metadata"]["name"])
    world.add(version(2))
    world.settle(120)
    assert world.status["weight"] == "0"

    world.set_ready(pod, ready=False)
    world.settle(30)
    assert world.status["weight"] == "10"


def test_a_kubelet_that_missed_the_word_is_told_again() -> None:
    world = serving()
    world.lazy = True
    world.add(version(2))
    world.settle()
    stamps = {pod["metadata"]["annotations"]["comal.dev/router-config"] for pod in world.routers()}
    world.settle(30)
    again = {pod["metadata"]["annotations"]["comal.dev/router-config"] for pod in world.routers()}
    assert {one.split()[0] for one in stamps} == {one.split()[0] for one in again}
    assert stamps != again


def test_a_start_is_timed_from_its_first_pods() -> None:
    world = serving().add(version(2))
    while "candidate" not in world.status:
        world.step()
    # The operator was away just as long as a start may take.
    world.wait(700)
    world.settle()
    assert "rejected" not in world.status
    assert world.status["candidate"]["modelVersion"] == "diabetes-v2"


def test_the_former_revision_stays_warm_and_leaves_by_share_drain_and_scale() -> None:
    world = baking()
    former = world.status["previous"]["revision"]
    assert traffic_of(world.secret)[former] == "0"
    assert world.of_revision(former)["spec"]["replicas"] == 2

    world.settle(301)
    assert former not in traffic_of(world.secret)
    assert world.of_revision(former)["spec"]["replicas"] == 2
    world.settle(20)
    assert world.of_revision(former)["spec"]["replicas"] == 0


def test_a_revision_keeps_its_pods_while_a_router_still_knows_it() -> None:
    world = baking()
    former = world.status["previous"]["revision"]
    world.lazy = True
    world.settle(2000)
    assert world.of_revision(former)["spec"]["replicas"] == 2
    world.lazy = False
    world.settle(60)
    assert world.of_revision(former)["spec"]["replicas"] == 0


def test_a_router_that_stops_holds_the_scale_until_it_is_gone() -> None:
    world = rolling()
    candidate = world.status["candidate"]["revision"]
    leaving = world.routers()[0]
    copied = copy.deepcopy(leaving)
    going = {"deletionTimestamp": "2026-11-21T12:01:00Z", "deployment": "gone"}
    copied["metadata"] |= {"name": "leaving", **going}
    world.set_ready(copied, ready=False)
    world.add(copied)
    world.runs["leaving"] = world.secret
    back(world)
    world.settle(30)
    assert world.of_revision(candidate)["spec"]["replicas"] == 2
    world.objects.pop(("Pod", "leaving"))
    world.settle(30)
    assert world.of_revision(candidate)["spec"]["replicas"] == 0


def test_back_while_baking_takes_no_steps() -> None:
    world = baking()
    first = world.status["previous"]["revision"]
    begun = world.now
    back(world)
    assert world.status["stable"]["revision"] == first
    assert (world.now - begun).total_seconds() <= 3


def test_a_rejected_revision_is_told_with_reason_and_remedy() -> None:
    world = refused_by_its_pods()
    [rejected] = world.status["rejected"]
    assert (rejected["modelVersion"], rejected["reason"]) == ("diabetes-v2", "DigestMismatch")
    message = world.condition("Stalled")["message"]
    assert "the blob is not what it says" in message
    assert "choose another version" in message
    assert "diabetes-v1 goes on serving" in message
    world.settle(60)
    assert world.of_revision(rejected["revision"])["spec"]["replicas"] == 0


def test_another_image_is_another_chance() -> None:
    world = refused_by_its_pods()
    world.broken.clear()
    world.edit(image="localhost/own/scorer:2")
    world.settle()
    assert world.status["candidate"]["modelVersion"] == "diabetes-v2"


@pytest.mark.parametrize(
    ("seconds", "reason"), [(599, None), (601, "CandidateUnavailable"), (8000, "")]
)
def test_a_candidate_that_dies_with_a_share(seconds: int, reason: str | None) -> None:
    world = rolling(deadline="1h")
    for pod in world.pods(**{"comal.dev/revision": world.status["candidate"]["revision"]}):
        world.set_ready(pod, ready=False)
    world.settle(seconds)
    rejected = world.status.get("rejected", [{}])
    assert rejected[0].get("reason") == (
        reason or (None if seconds < 600 else rejected[0]["reason"])
    )
    if seconds < 600:
        assert world.status["weight"] == "10"
        assert "0 of 2 Pods" in world.condition("Ready")["message"]


def test_the_deadline_ends_a_rollout_that_stands_still() -> None:
    world = rolling(deadline="30m")
    [pod, *_] = world.pods(**{"comal.dev/revision": world.status["candidate"]["revision"]})
    world.set_ready(pod, ready=False)
    world.settle(1700)
    assert world.status["weight"] == "10"
    world.settle(200)
    [rejected] = world.status["rejected"]
    assert rejected["reason"] == "DeadlineExceeded"
    assert "it had 10 percent, 1 of 2 Pods are ready" in rejected["message"]


def test_the_hold_begins_when_the_last_router_has_followed() -> None:
    world = serving(steps=[{"percent": "10", "for": "60s"}]).add(version(2))
    world.settle()
    world.edit(
        rollout={**world.mdep["spec"]["rollout"], "steps": [{"percent": "20", "for": "60s"}]}
    )
    world.lazy = True
    world.settle(300)
    assert (world.status["weight"], world.status.get("stepSince")) == ("20", None)
    world.lazy = False
    world.settle(35)
    assert world.status["weight"] == "20"
    world.settle(70)
    assert world.status["stable"]["modelVersion"] == "diabetes-v2"


def test_the_drain_begins_when_the_last_router_has_left() -> None:
    world = rolling(drain="10m")
    candidate = world.status["candidate"]["revision"]
    world.lazy = True
    back(world)
    world.settle(900)
    world.lazy = False
    world.settle(300)
    assert world.of_revision(candidate)["spec"]["replicas"] == 2
    world.settle(600)
    assert world.of_revision(candidate)["spec"]["replicas"] == 0


def test_routers_that_differ_have_acknowledged_nothing() -> None:
    world = serving()
    behind = world.routers()[1]["metadata"]["name"]
    old = world.runs[behind]
    world.lazy = True
    world.add(version(2))
    world.settle()
    for pod in world.routers():
        world.runs[pod["metadata"]["name"]] = world.secret
        world.runs_others[pod["metadata"]["name"]] = world.others
    world.runs[behind] = old
    world.settle(30)
    assert world.status["weight"] == "0"
    assert world.condition("RouteReady")["status"] == "False"


def test_a_spec_that_names_nothing_ends_the_rollout_and_not_the_service() -> None:
    world = rolling()
    world.edit(model={"name": "diabetes", "version": "9"})
    world.settle(30)
    assert "candidate" not in world.status
    assert set(traffic_of(world.secret)) == {world.status["stable"]["revision"]}
    assert world.condition("Ready")["reason"] == "ModelNotFound"
    assert world.condition("Available")["status"] == "True"
