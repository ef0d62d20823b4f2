"""Who decides how many Pods there are, and that the number never falls on the way."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.core.plan import Apply
from comal_operator.core.serving.autoscaling import SCALE_MANAGER, SCALED_BY
from serving_cluster import Object
from serving_moments import STEPS, version
from serving_world import ServingWorld, an_endpoint

SCALING = {"min": 2, "max": 10, "cpu": 70}


def endpoint(**spec: Any) -> Object:
    """Return an endpoint as the API server gives it back, whoever is to scale it."""
    whole = an_endpoint(rollout={"steps": STEPS, "bake": "5m"})
    del whole["spec"]["replicas"]
    whole["spec"].update(spec)
    return whole


def scaled(**scaling: Any) -> ServingWorld:
    """Version 1 serves and is scaled by an autoscaler."""
    world = ServingWorld().add(endpoint(autoscaling={**SCALING, **scaling}), version(1))
    world.settle()
    return world


def deployment(world: ServingWorld, role: str = "stable") -> Object:
    return world.of_revision(world.status[role]["revision"])


def hpa(world: ServingWorld, role: str = "stable") -> Any:
    name = f"diabetes-{world.status[role]['revision']}"
    return world.objects["HorizontalPodAutoscaler", name]["spec"]


def under_load(world: ServingWorld, pods: int) -> ServingWorld:
    """The autoscaler finds that the stable revision needs so many Pods."""
    world.load[f"diabetes-{world.status['stable']['revision']}"] = pods
    world.settle()
    return world


def test_each_revision_has_an_autoscaler_of_its_own() -> None:
    world = scaled()
    target = {"type": "Utilization", "averageUtilization": 70}
    name = deployment(world)["metadata"]["name"]
    assert hpa(world) == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": 2,
        "maxReplicas": 10,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }


def test_further_metrics_stand_beside_cpu_as_they_are() -> None:
    metric = {"name": "requests_per_second", "selector": {"matchLabels": {"a": "b"}}}
    target = {"type": "AverageValue", "averageValue": "20"}
    further = {"type": "Pods", "pods": {"metric": metric, "target": target}}
    assert hpa(scaled(metrics=[further]))["metrics"][1:] == [further]


def test_what_the_autoscaler_chose_is_never_written_over() -> None:
    world = under_load(scaled(), 7)
    assert deployment(world)["spec"]["replicas"] == 7
    assert world.status["stable"]["ready"] == "7/7"
    before = len(world.written)
    for wanted in (4, 9, 2):
        under_load(world, wanted)
        assert deployment(world)["spec"]["replicas"] == wanted
    applied = [one for one in world.written[before:] if isinstance(one, Apply)]
    written = [one for action in applied for one in action.manifests]
    name = deployment(world)["metadata"]["name"]
    assert not [
        one for one in written if (one["kind"], one["metadata"]["name"]) == ("Deployment", name)
    ]


def test_an_endpoint_of_fixed_size_passes_to_an_autoscaler_without_a_reset() -> None:
    world = ServingWorld().add(endpoint(replicas=5), version(1))
    world.settle()
    del world.mdep["spec"]["replicas"]
    world.edit(autoscaling=SCALING)
    sizes = []
    while world.step().actions:
        sizes.append(deployment(world)["spec"]["replicas"])
    assert set(sizes) == {5}, "ServingWorld fails by itself when nobody owns the field"
    [handed] = [one for one in world.written if getattr(one, "manager", "") == SCALE_MANAGER]
    given = list(getattr(handed, "manifests", ()))
    assert [one["spec"] for one in given] == [{"replicas": 5}]
    for one in given:
        assert one["metadata"]["resourceVersion"], "not if somebody has scaled it meanwhile"


def test_and_back_again() -> None:
    world = under_load(scaled(), 7)
    del world.mdep["spec"]["autoscaling"]
    world.edit(replicas=3)
    world.settle()
    assert deployment(world)["spec"]["replicas"] == 3
    assert deployment(world)["metadata"]["annotations"][SCALED_BY] == "operator"
    assert not [kind for kind, _ in world.objects if kind == "HorizontalPodAutoscaler"]


@pytest.mark.parametrize(
    ("pods", "seconds", "weight", "least"),
    [
        (8, 0, "10", 4),  # now at 10: what 50 percent of eight need
        (8, 61, "50", 8),  # now at 50: what all need
        (9, 0, "10", 5),
        (2, 0, "10", 1),
    ],
)
def test_a_candidate_has_what_its_next_share_needs(
    pods: int, seconds: float, weight: str, least: int
) -> None:
    world = under_load(scaled(), pods).add(version(2))
    world.settle()
    world.settle(seconds)
    assert world.status["weight"] == weight
    assert hpa(world, "candidate")["minReplicas"] == least
    assert deployment(world, "candidate")["spec"]["replicas"] >= least


def test_no_share_rises_before_the_pods_for_it_are_there() -> None:
    world = under_load(scaled(), 8).add(version(2))
    world.settle()
    name = f"diabetes-{world.status['candidate']['revision']}"
    held = world.objects["HorizontalPodAutoscaler", name]
    stuck = {**held, "spec": {**held["spec"], "maxReplicas": 3}}
    world.objects["HorizontalPodAutoscaler", name] = stuck
    deployment(world, "candidate")["spec"]["replicas"] = 3
    world.now = world.now.replace(minute=world.now.minute + 3)
    world.look()
    assert world.status["weight"] == "10", "three Pods are not enough for 50 percent of eight"


def test_stable_keeps_its_size_until_it_is_needed_no_more() -> None:
    world = under_load(scaled(), 8).add(version(2))
    world.settle()
    under_load(world, 2)
    assert deployment(world)["spec"]["replicas"] == 8, "all requests may come back at once"
    world.settle(125)
    assert world.status["stable"]["modelVersion"] == "diabetes-v2"
    assert deployment(world, "previous")["spec"]["replicas"] == 8
    under_load(world, 2)
    assert deployment(world)["spec"]["replicas"] == 2, "who serves is scaled by load again"
    world.settle(400)
    assert "previous" not in world.status
    names = [name for kind, name in world.objects if kind == "HorizontalPodAutoscaler"]
    assert names == [f"diabetes-{world.status['stable']['revision']}"]


def test_scale_shows_the_stable_revision() -> None:
    world = under_load(scaled(), 4)
    revision = world.status["stable"]["revision"]
    assert world.status["replicas"] == 4
    marks = f"comal.dev/model-deployment=diabetes,comal.dev/revision={revision}"
    assert world.status["selector"] == marks


def test_two_pods_where_nobody_said_how_many() -> None:
    world = ServingWorld().add(endpoint(), version(1))
    world.settle()
    assert deployment(world)["spec"]["replicas"] == 2


def test_a_drained_node_takes_one_pod_of_a_revision_at_a_time() -> None:
    world = scaled()
    name = deployment(world)["metadata"]["name"]
    budget = world.objects["PodDisruptionBudget", name]["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert budget["selector"]["matchLabels"] == deployment(world)["spec"]["selector"]["matchLabels"]


def test_pods_wish_for_zones_and_nodes_of_their_own() -> None:
    world = scaled()
    for one in world.deployments():
        spread = one["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert [wish["topologyKey"].rpartition("/")[2] for wish in spread] == ["zone", "hostname"]
        assert {wish["whenUnsatisfiable"] for wish in spread} == {"ScheduleAnyway"}


def test_a_slow_load_is_not_killed_and_a_hung_server_is() -> None:
    [scorer] = deployment(scaled())["spec"]["template"]["spec"]["containers"]
    startup, live, ready = (
        scorer[name] for name in ("startupProbe", "livenessProbe", "readinessProbe")
    )
    longest = startup["periodSeconds"] * startup["failureThreshold"]
    assert longest > 24 * 3600, "predictor.startupTimeout may be 24h"
    assert startup["httpGet"]["path"] == live["httpGet"]["path"] == "/livez"
    assert ready["httpGet"]["path"] == "/readyz"
    assert live["periodSeconds"] * live["failureThreshold"] == 60


def said(world: ServingWorld, kind: str, status: str, reason: str, message: str = "") -> None:
    """Let the newest autoscaler say something."""
    role = "candidate" if "candidate" in world.status else "stable"
    name = f"diabetes-{world.status[role]['revision']}"
    one = {"type": kind, "status": status, "reason": reason, "message": message}
    world.objects["HorizontalPodAutoscaler", name]["status"] = {"conditions": [one]}
    world.settle()


def test_an_autoscaler_that_cannot_scale_is_told_in_its_own_words() -> None:
    world = scaled()
    assert world.condition("ScalingActive")["status"] == "Unknown"
    text = "the HPA was unable to compute the replica count: no metrics returned"
    said(world, "ScalingActive", "False", "FailedGetResourceMetric", text)
    found = world.condition("ScalingActive")
    assert (found["status"], found["reason"]) == ("False", "FailedGetResourceMetric")
    revision = world.status["stable"]["revision"]
    assert found["message"] == f"HorizontalPodAutoscaler diabetes-{revision}: {text}"
    # The endpoint serves all the same.
    assert world.condition("Ready")["status"] == "True"
    said(world, "ScalingActive", "True", "ValidMetricFound")
    assert world.condition("ScalingActive")["status"] == "True"
    said(world, "AbleToScale", "False", "FailedGetScale", "the HPA controller was unable to")
    assert world.condition("ScalingActive")["reason"] == "FailedGetScale"
    # Of Pods that nobody wants it says the same, and means no fault.
    said(world, "ScalingActive", "False", "ScalingDisabled", "replicas are 0")
    assert world.condition("ScalingActive")["status"] == "Unknown"
    world.edit(autoscaling=None, replicas=2)
    world.settle()
    assert world.condition("ScalingActive")["status"] == "absent"


def test_the_candidates_autoscaler_counts_too() -> None:
    world = scaled()
    said(world, "ScalingActive", "True", "ValidMetricFound")
    world.add(version(2))
    world.settle()
    assert world.condition("ScalingActive")["status"] == "Unknown"
    said(world, "ScalingActive", "False", "FailedGetResourceMetric", "no metrics")
    assert world.condition("ScalingActive")["status"] == "False"
