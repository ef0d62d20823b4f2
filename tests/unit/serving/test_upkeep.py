"""What is followed, repaired, kept and left alone."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest

from comal_operator.core.plan import Apply, Create, Delete, WriteStatus
from comal_operator.core.serving.acknowledgement import traffic_of
from serving_moments import (
    course,
    from_run,
    rolling,
    serving,
    settled,
    version,
    wanting,
)
from serving_world import ServingWorld, an_endpoint


def test_without_auto_update_a_newer_version_changes_nothing() -> None:
    world = settled(wanting(latest=True, autoUpdate=False).add(version(1)))
    world.add(version(2))
    assert not world.settle().actions
    assert world.status["stable"]["modelVersion"] == "diabetes-v1"
    world.edit(model={"name": "diabetes", "version": "2"})
    world.settle()
    assert world.status["resolved"]["modelVersion"] == "diabetes-v2"


def test_an_alias_that_moves_is_followed() -> None:
    first, second = version(1), version(2)
    first["status"] = {"aliases": ["production"]}
    world = settled(wanting(alias="production").add(first, second))
    assert world.status["stable"]["modelVersion"] == "diabetes-v1"
    first["status"], second["status"] = {"aliases": []}, {"aliases": ["production"]}
    world.settle(10)
    assert world.status["stable"]["modelVersion"] == "diabetes-v2"


def test_a_run_that_registers_is_served() -> None:
    world = from_run()
    world.add(version(1, run="alpha"))
    world.objects["TrainingRun", "alpha"]["status"]["modelVersion"] = "diabetes-v1"
    world.settle()
    assert course(world) == "Ready Serving"
    # Pruning the run keeps its version, and what serves it.
    world.objects.pop(("TrainingRun", "alpha"))
    world.settle()
    assert course(world) == "Ready Serving"


def test_scaling_and_timeouts_start_no_rollout() -> None:
    world = serving()
    world.edit(replicas=4, limits={"timeout": "9s"}, predictor={"startupTimeout": "1m"})
    world.settle()
    assert len([key for key in world.objects if key[0] == "ControllerRevision"]) == 1
    assert world.of_revision(world.status["stable"]["revision"])["spec"]["replicas"] == 4


def test_an_upgrade_of_the_operator_starts_no_rollout_and_restarts_no_scorer() -> None:
    world = serving()
    before = copy.deepcopy(world.of_revision(world.status["stable"]["revision"])["spec"])
    world.upgrade()
    world.settle()
    assert course(world) == "Ready Serving"
    assert world.of_revision(world.status["stable"]["revision"])["spec"] == before


@pytest.mark.parametrize("kind", ["Deployment", "Service", "NetworkPolicy", "ServiceAccount"])
def test_what_somebody_deletes_comes_back(kind: str) -> None:
    world = serving()
    names = {key for key in world.objects if key[0] == kind}
    for key in names:
        world.objects.pop(key)
    world.settle()
    assert {key for key in world.objects if key[0] == kind} == names
    assert course(world) == "Ready Serving"


def test_what_somebody_changes_is_put_right() -> None:
    world = serving()
    stable = world.of_revision(world.status["stable"]["revision"])
    stable["spec"]["replicas"] = 7
    stable["spec"]["template"]["spec"]["containers"][0]["image"] = "example.com/evil"
    world.settle()
    stable = world.of_revision(world.status["stable"]["revision"])
    assert stable["spec"]["replicas"] == 2
    assert (
        stable["spec"]["template"]["spec"]["containers"][0]["image"] == "localhost/comal/scorer:1"
    )


def test_history_is_kept_to_its_limit() -> None:
    world = serving(bake="0s", steps=[])
    world.edit(revisionHistoryLimit=1)
    for number in range(2, 6):
        world.add(version(number))
        world.settle(60)
    kept = sorted(
        one["data"]["modelVersion"]
        for (kind, _), one in world.objects.items()
        if kind == "ControllerRevision"
    )
    assert kept == ["diabetes-v4", "diabetes-v5"]
    assert len([key for key in world.objects if key[0] == "Deployment"]) == 3


def test_a_lost_status_does_not_cost_the_stable_revision() -> None:
    world = rolling()
    stable = world.status["stable"]["revision"]
    world.mdep["status"] = {"observedGeneration": -1}
    world.look()
    assert world.status["stable"]["revision"] == stable


def test_a_moved_pod_is_followed_without_asking_anybody() -> None:
    world = serving()
    secret = world.secret
    [pod, *_] = world.pods(component="scorer")
    world.delete_pod(pod)
    world.controllers()
    before = len(world.written)
    plan = world.look()
    kinds = [type(one) for one in world.written[before:]]
    assert world.secret != secret
    assert traffic_of(world.secret) == traffic_of(secret)
    assert Apply in kinds
    assert not plan.questions


def test_a_pod_that_stumbles_needs_no_new_files() -> None:
    world = serving()
    secret = world.secret
    world.set_ready(world.pods(component="scorer")[0], ready=False)
    world.settle()
    assert world.secret == secret


def test_the_first_writes_come_in_an_order_that_survives_any_crash() -> None:
    world = ServingWorld().add(an_endpoint(), version(1))
    world.settle()
    told = []
    for action in world.written:
        if isinstance(action, Apply):
            told.append("+".join(dict.fromkeys(one["kind"] for one in action.manifests)))
        elif isinstance(action, (Create, WriteStatus, Delete)):
            told.append(type(action).__name__)
    assert told[0].startswith("ServiceAccount+NetworkPolicy+PodDisruptionBudget+Service")
    assert (
        told.index("Create")
        < told.index("WriteStatus")
        < told.index("Service+PodDisruptionBudget+Deployment")
    )


def test_a_quiet_endpoint_is_looked_at_when_something_stirs() -> None:
    world = serving()
    assert world.plan().actions == ()
    assert world.plan().requeue_after is None


@pytest.mark.parametrize("file", ["routes", "listeners", "clusters", "mirror"])
def test_routers_that_run_other_rules_are_told_again_and_soon(file: str) -> None:
    # Shares and addresses are the newest: of what is late they say nothing.
    world = serving()
    right, late = dict(world.others), dict(world.others)
    late[file] = late[file].partition(" #")[0] + " #01d01d01"
    world.others = late
    for pod in world.routers():
        world.runs_others[pod["metadata"]["name"]] = late
    assert world.plan().requeue_after == timedelta(seconds=5)
    world.wait(5)
    world.settle()
    assert world.others == right
    assert all(one == right for one in world.runs_others.values())
    assert world.plan().actions == ()


@pytest.mark.parametrize("old", ["before", "with other shares"])
def test_a_secret_that_was_written_late_is_written_again(old: str) -> None:
    # By an operator that stood still between its look at the Lease and the write.
    world = serving()
    late = world.secret.partition(" #")[0] + " #01d01d01"
    if old == "with other shares":
        late = "01d01d01=100 #01d01d01"
    right, world.secret = world.secret, late
    for pod in world.routers():
        world.runs[pod["metadata"]["name"]] = late
    world.wait(300)
    world.settle()
    assert world.secret == right
    assert set(world.runs.values()) == {right}
    assert world.plan().actions == ()


def test_routers_that_do_not_follow_are_told_ever_more_rarely() -> None:
    world = serving()
    world.lazy = True
    world.runs = dict.fromkeys(world.runs, "01d01d01=100 #01d01d01")
    before = len(world.written)
    world.settle(600)
    secrets = [
        one
        for one in world.written[before:]
        if isinstance(one, Apply) and one.manifests[0]["kind"] == "Secret"
    ]
    assert 2 <= len(secrets) <= 60


def test_a_silent_router_of_a_quiet_endpoint_is_left_alone() -> None:
    world = serving()
    world.silent = {pod["metadata"]["name"] for pod in world.routers()}
    assert world.plan().actions == ()
    assert world.plan().requeue_after is None


def test_an_endpoint_on_its_way_out_is_left_alone() -> None:
    world = serving()
    world.mdep["metadata"]["deletionTimestamp"] = "2026-11-21T12:00:00Z"
    plan = world.plan()
    assert (plan.actions, plan.questions) == ((), ())


def test_the_tenth_version_is_newer_than_the_ninth() -> None:
    world = settled(wanting(latest=True).add(version(9), version(10)))
    assert world.status["stable"]["modelVersion"] == "diabetes-v10"


def test_a_revision_without_a_role_loses_its_pods_again() -> None:
    world = serving(bake="0s", steps=[]).add(version(2))
    world.settle(60)
    [former] = [one for one in world.deployments() if one["spec"]["replicas"] == 0]
    former["spec"]["replicas"] = 2
    world.controllers()
    world.settle(60)
    [former] = [one for one in world.deployments() if one["spec"]["replicas"] == 0]
    assert former["metadata"]["name"] != f"diabetes-{world.status['stable']['revision']}"


def test_a_pod_on_its_way_out_is_no_endpoint() -> None:
    world = serving()
    secret = world.secret
    [piece] = [one for (kind, _), one in world.objects.items() if kind == "EndpointSlice"]
    piece["endpoints"][0]["conditions"] = {"ready": True, "terminating": True}
    world.look()
    assert world.secret != secret
