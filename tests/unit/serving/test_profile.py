"""`resources.fromProfile`: Pods get what the version's profile recommends, and keep it."""

from __future__ import annotations

from typing import Any

from serving_moments import version
from serving_world import ServingWorld, an_endpoint

SIZE = {"cpu": "500m", "memory": "512Mi"}
FROM_PROFILE = {"startupTimeout": "10m", "resources": {"fromProfile": True}}


def profiled(number: int, size: dict[str, str] | None = None, **profile: Any) -> dict[str, Any]:
    return version(number, profile={"sizes": [], "recommended": size or SIZE, **profile})


def asking(*versions: dict[str, Any]) -> ServingWorld:
    world = ServingWorld().add(an_endpoint(predictor=FROM_PROFILE), *versions)
    world.settle()
    return world


def resources(world: ServingWorld) -> list[Any]:
    deployments = [t for (kind, _), t in world.objects.items() if kind == "Deployment"]
    pods = [one["spec"]["template"]["spec"] for one in deployments]
    return [
        container["resources"]
        for pod in pods
        for container in pod["containers"]
        if container["name"] == "scorer"
    ]


def test_the_recommended_size_is_request_and_limit() -> None:
    world = asking(profiled(1))
    assert resources(world) == [{"requests": SIZE, "limits": SIZE}]
    assert world.condition("Ready")["reason"] == "Serving"


def test_a_version_without_a_profile_says_so() -> None:
    world = asking(version(1))
    said = world.condition("ModelResolved")
    assert (said["status"], said["reason"]) == ("False", "ProfileNotFound")
    assert "diabetes-v1" in said["message"]
    assert "spec.profile" in said["message"]


def test_a_profile_that_recommends_nothing_says_why() -> None:
    bare = version(1, profile={"sizes": [], "message": "no size answered all requests"})
    said = asking(bare).condition("ModelResolved")
    assert said["reason"] == "ProfileNotFound"
    assert "no size answered all requests" in said["message"]


def test_the_next_version_gets_its_own_size_by_a_rollout() -> None:
    world = asking(profiled(1))
    larger = {"cpu": "1", "memory": "1Gi"}
    world.add(profiled(2, larger))
    world.settle(300)
    assert {"requests": larger, "limits": larger} in resources(world)
