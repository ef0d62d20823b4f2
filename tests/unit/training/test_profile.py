"""A short load before registration: what it recommends, and that it never stands in the way."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.api.model_version import SizeProfile
from comal_operator.core.training.profile_sizes import recommend
from make import GATE, a_registry, a_run, an_ended_pod, conditions, ended_job
from training_world import World

SIZES = [{"cpu": "500m", "memory": "512Mi"}, {"cpu": "1", "memory": "1Gi"}]
PROFILE = {"request": {"data": [[1]]}, "sizes": SIZES, "seconds": 5, "concurrency": 2}
ANSWER = {
    "requests": 1000,
    "errors": 0,
    "restarts": 0,
    "p50": "1.5",
    "p95": "2.5",
    "p99": "9",
    "rate": "200",
    "peak": 100 * 2**20 + 1,
    "error": None,
}


def pushed(**profile: Any) -> World:
    """A run that has pushed its model and is now to load it."""
    said = {**PROFILE, **profile}
    world = World().add(
        a_run(gate=GATE, register={"model": "diabetes"}, profile=said), a_registry()
    )
    world.register_everything()
    world.settle()
    return world


def registered(world: World) -> Any:
    world.settle()
    world.remember_numbers()
    world.settle()
    assert conditions(world.status())["Complete"] == ("True", "Registered")
    return world.objects["ModelVersion", "diabetes-v1"]["spec"].get("profile")


def test_each_size_is_loaded_alone_after_the_push_and_before_the_version() -> None:
    world = pushed()
    assert conditions(world.status())["Ready"] == ("False", "Profiling")
    assert not any("profile-1" in name for _, name in world.made)
    pod = world.job("comal-profile-0")["spec"]["template"]["spec"]
    fetch, scorer = pod["initContainers"]
    assert fetch["args"][0] == "fetch"
    assert (scorer["args"], scorer["restartPolicy"]) == (["serve"], "Always")
    assert scorer["resources"] == {"requests": SIZES[0], "limits": SIZES[0]}
    assert '--body={"data":[[1]]}' in pod["containers"][0]["args"]

    world.end("comal-profile-0", said=ANSWER)
    world.settle()
    assert not any(kind == "ModelVersion" for kind, _ in world.made)
    world.end("comal-profile-1", said={**ANSWER, "rate": "300", "p95": "1.5"})
    profile = registered(world)
    assert profile["recommended"] == SIZES[0]
    assert profile["message"] == "most requests a second for its CPU: 200 with 500m CPU"
    assert profile["sizes"][0] == {
        **SIZES[0],
        "p50Ms": "1.5",
        "p95Ms": "2.5",
        "p99Ms": "9",
        "requestsPerSecond": "200",
        "errors": 0,
        "peakMemory": "101Mi",
    }


def test_the_smallest_that_keeps_to_the_target_is_recommended() -> None:
    world = pushed(target={"p95": "2ms"})
    world.end("comal-profile-0", said=ANSWER)
    world.settle()
    world.end("comal-profile-1", said={**ANSWER, "p95": "1.5"})
    assert registered(world)["recommended"] == SIZES[1]


@pytest.mark.parametrize("wrong", ["failed job", "refused", "killed", "restarted", "errors"])
def test_what_goes_wrong_is_recorded_and_the_model_registered(wrong: str) -> None:
    world = pushed()
    job = world.job("comal-profile-0")
    error = {"reason": "RequestRefused", "message": "HTTP 400: no data"}
    said = {
        "refused": {**ANSWER, "requests": 0, "error": error},
        "restarted": {**ANSWER, "restarts": 1},
        "errors": {**ANSWER, "errors": 3},
    }.get(wrong, ANSWER)
    if wrong == "failed job":
        world.add(ended_job(job, "Failed", "Job was active longer than specified deadline"))
    else:
        pod: Any = an_ended_pod(job, said=said)
        if wrong == "killed":
            killed = {"name": "scorer", "lastState": {"terminated": {"reason": "OOMKilled"}}}
            pod = {**pod, "status": {**pod["status"], "initContainerStatuses": [killed]}}
        world.add(pod, ended_job(job))
    world.settle()
    world.end("comal-profile-1", said=ANSWER)
    profile = registered(world)
    assert profile["recommended"] == SIZES[1]
    words = {
        "failed job": "longer than specified deadline",
        "refused": "HTTP 400",
        "killed": "killed for memory",
        "restarted": "restarted",
    }
    assert words.get(wrong, "") in profile["sizes"][0].get("error", "")


ENDS: dict[str, tuple[dict[str, Any], int]] = {
    "killed for memory": ({"reason": "OOMKilled", "exitCode": 137}, 0),
    "ended 3 times: exit code 1 no such file": (
        {"reason": "Error", "exitCode": 1, "message": "no such file"},
        3,
    ),
}


@pytest.mark.parametrize("told", ENDS)
def test_a_scorer_that_does_not_come_up_is_not_waited_for(told: str) -> None:
    """It ends as often as it starts: the callers would wait for minutes."""
    world = pushed()
    job = world.job("comal-profile-0")
    last, times = ENDS[told]
    scorer = {"name": "scorer", "restartCount": times, "lastState": {"terminated": last}}
    pod = an_ended_pod(job)
    world.add({**pod, "status": {"phase": "Pending", "initContainerStatuses": [scorer]}})
    world.settle()
    stopped = world.job("comal-profile-0")
    assert stopped["spec"] == {**job["spec"], "suspend": True}
    # Its Pod goes with it; what the Job bears is enough.
    world.objects.pop(("Pod", pod["metadata"]["name"]))
    world.end("comal-profile-1", said=ANSWER)
    profile = registered(world)
    assert told in profile["sizes"][0]["error"]
    assert profile["recommended"] == SIZES[1]


def test_a_load_that_may_not_be_stopped_goes_on() -> None:
    """An operator before its new Role, or an admission webhook: the callers give up in the end."""
    world = pushed()
    job = world.job("comal-profile-0")
    killed = {"name": "scorer", "lastState": {"terminated": {"reason": "OOMKilled"}}}
    pod = an_ended_pod(job)
    world.add({**pod, "status": {"phase": "Pending", "initContainerStatuses": [killed]}})
    world.refusals["Job", job["metadata"]["name"]] = "jobs is forbidden"
    world.settle()
    assert world.job("comal-profile-0")["spec"] == job["spec"]
    assert conditions(world.status())["Ready"] == ("False", "Profiling")


def test_a_scorer_that_ended_once_may_come_up() -> None:
    world = pushed()
    job = world.job("comal-profile-0")
    once = {"name": "scorer", "restartCount": 1, "lastState": {"terminated": {"exitCode": 1}}}
    pod = an_ended_pod(job)
    world.add({**pod, "status": {"phase": "Pending", "initContainerStatuses": [once]}})
    world.settle()
    assert world.job("comal-profile-0")["spec"] == job["spec"]


def test_a_profile_without_a_good_size_recommends_none() -> None:
    world = pushed()
    for number in range(2):
        world.add(ended_job(world.job(f"comal-profile-{number}"), "Failed", "no room"))
        world.settle()
    profile = registered(world)
    assert "recommended" not in profile
    assert "no room" in profile["message"]


def a_size(cpu: str, memory: str, **more: Any) -> SizeProfile:
    said = {"p95_ms": "5", "requests_per_second": "100", "errors": 0, **more}
    return SizeProfile(cpu=cpu, memory=memory, **said)


def chosen(*sizes: SizeProfile, target: str | None = None) -> str | None:
    found, message = recommend(sizes, target)
    assert message
    return f"{found.cpu}/{found.memory}" if found else None


def test_recommendations() -> None:
    small, large = a_size("250m", "256Mi", p95_ms="9"), a_size("2", "2Gi", p95_ms="3")
    assert chosen(large, small, target="10ms") == "250m/256Mi"
    assert chosen(large, small, target="5ms") == "2/2Gi"
    # Nobody keeps to it: the most for its CPU.
    assert chosen(large, small, target="1ms") == "250m/256Mi"
    assert chosen(a_size("1", "1Gi"), a_size("1", "512Mi")) == "1/512Mi"
    assert chosen(a_size("250m", "1Gi", errors=1), large) == "2/2Gi"
    assert chosen(a_size("250m", "1Gi", error="killed")) is None


def test_only_the_profiled_pod_may_fetch_the_model() -> None:
    world = pushed()
    policies = {n: t["spec"] for (k, n), t in world.objects.items() if k == "NetworkPolicy"}
    [profile] = [spec for name, spec in policies.items() if "-profile-" in name]
    assert profile["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == (
        "training-profile"
    )
    assert "5001" in str(profile)
