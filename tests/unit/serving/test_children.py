"""What an endpoint's children look like, and what makes a revision another."""

from __future__ import annotations

import json
from typing import Any

import pytest

from comal_operator.api.model_deployment import ModelDeployment, ModelDeploymentSpec
from comal_operator.core.serving.endpoints import Backend, Routing
from comal_operator.core.serving.envoy import router_config
from comal_operator.core.serving.listeners import Places
from comal_operator.core.serving.pod_limits import pod_limits
from comal_operator.core.serving.problems import problem_of
from comal_operator.core.serving.resolution import Resolved
from comal_operator.core.serving.revision import revision_name
from comal_operator.core.serving.router import config_of, leave_seconds
from make import a_version, an_object
from serving_world import ServingWorld, an_endpoint

MODEL = Resolved("diabetes-v1", "diabetes", "1", "sha256:" + "a" * 64, "http://r:5001", "models/d")


def spec(**fields: Any) -> ModelDeploymentSpec:
    return ModelDeployment.model_validate(an_endpoint(**fields)).spec


def served(**fields: Any) -> ServingWorld:
    world = ServingWorld().add(an_endpoint(**fields), a_version(1))
    world.settle()
    return world


def pod_specs(world: ServingWorld) -> list[dict[str, Any]]:
    return [one["spec"]["template"]["spec"] for one in world.deployments()]


@pytest.mark.parametrize(
    "change",
    [
        {"replicas": 9},
        {"rollout": {"bake": "1h"}},
        {"limits": {"timeout": "1s", "maxBody": "2Mi"}},
        {"traffic": {"fallback": {"when": ["Unavailable", "ServerError"]}}},
        {"predictor": {"startupTimeout": "5m"}},
        {"predictor": {"env": [], "tolerations": [], "nodeSelector": {}}},
        {"model": {"name": "diabetes", "version": "1"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_same_revision(change: dict[str, Any]) -> None:
    assert revision_name(MODEL, spec(**change)) == revision_name(MODEL, spec())


@pytest.mark.parametrize(
    "change",
    [
        {"image": "localhost/own/scorer:2"},
        {"predictor": {"env": [{"name": "X", "value": "1"}]}},
        {"predictor": {"resources": {"limits": {"memory": "1Gi"}}}},
        {"limits": {"maxBody": "5Mi"}},
        {"limits": {"concurrencyPerPod": 2}},
        {"predictor": {"nodeSelector": {"disk": "ssd"}}},
        {"predictor": {"tolerations": [{"operator": "Exists"}]}},
    ],
    ids=json.dumps,
)
def test_another_revision(change: dict[str, Any]) -> None:
    assert revision_name(MODEL, spec(**change)) != revision_name(MODEL, spec())


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        ({}, "5"),
        ({"queueWait": "1m"}, "27"),
        ({"timeout": "5s", "queueWait": "5s"}, "4.5"),
        ({"queueWait": "250ms"}, "0.25"),
        ({"queueWait": "0s"}, "0"),
    ],
)
def test_a_pod_is_told_its_places_and_how_long_to_wait(
    limits: dict[str, Any], seconds: str
) -> None:
    found = pod_limits(spec(limits={"concurrencyPerPod": 2, **limits}).limits)
    assert found == {
        "COMAL_MAX_IN_FLIGHT": "2",
        "COMAL_QUEUE_SECONDS": seconds,
        "COMAL_WORKERS": "1",
    }


def test_every_pod_is_restricted() -> None:
    for pod in pod_specs(served()):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert security["capabilities"] == {"drop": ["ALL"]}


def test_what_a_scoring_pod_is_told() -> None:
    world = served(
        image="localhost/own/scorer:2",
        predictor={
            "env": [{"name": "THREADS", "value": "2"}],
            "resources": {"requests": {"cpu": "1"}},
            "nodeSelector": {"disk": "ssd"},
        },
    )
    pod = world.of_revision(world.status["stable"]["revision"])["spec"]["template"]["spec"]
    [fetch], [scorer] = pod["initContainers"], pod["containers"]
    assert fetch["args"][:3] == ["fetch", "--url", "http://comal-registry-default:5001"]
    assert world.status["stable"]["digest"] in fetch["args"]
    env = {one["name"]: one["value"] for one in scorer["env"]}
    assert env["COMAL_MODEL_NAME"] == "diabetes"
    assert env["COMAL_MODEL_VERSION"] == "1"
    assert env["COMAL_REVISION"] == world.status["stable"]["revision"]
    assert env["THREADS"] == "2"
    assert fetch["image"] == scorer["image"] == "localhost/own/scorer:2"
    assert scorer["resources"] == {"requests": {"cpu": "1"}}
    assert pod["nodeSelector"] == {"disk": "ssd"}


def test_names_fit_whatever_the_endpoint_is_called() -> None:
    long = an_endpoint()
    long["metadata"]["name"] = "d" * 40
    world = ServingWorld().add(a_version(1))
    world.objects["ModelDeployment", "diabetes"] = long
    for action in world.plan().actions:
        for manifest in getattr(action, "manifests", ()):
            assert len(manifest["metadata"]["name"]) <= 63


def test_selectors_never_meet() -> None:
    """The endpoint's Service finds routers alone, a revision's its own Pods alone."""
    world = served()
    for (kind, name), service in world.objects.items():
        if kind != "Service":
            continue
        wanted = service["spec"]["selector"]
        found = world.pods(**wanted)
        components = {one["metadata"]["labels"]["app.kubernetes.io/component"] for one in found}
        assert components == ({"router"} if name == "diabetes" else {"scorer"})
        assert len(found) == 2


def test_the_secret_is_named_so_that_it_cannot_be_somebody_elses() -> None:
    one, other = served(), served()
    other.mdep["metadata"]["uid"] = "another"
    names = {
        manifest["metadata"]["name"]
        for world in (one, other)
        for action in world.written
        for manifest in getattr(action, "manifests", ())
        if manifest["kind"] == "Secret"
    }
    assert len(names) == 1
    [name] = names
    assert name.startswith("diabetes-router-")


def test_equal_routing_gives_equal_files_and_each_file_has_a_version() -> None:
    routing = Routing(
        "d", (Backend("a", "99.9", (("10.0.0.1", 8080),)), Backend("b", "0.1", ())), None, 5
    )
    config = config_of(routing)
    assert config == config_of(routing)
    for name, text in config.files.items():
        assert name == "bootstrap.json" or json.loads(text)["version_info"]


def test_a_share_of_a_thousandth_is_a_whole_weight_and_priorities_never_skip() -> None:
    one, two = (("10.0.0.1", 8080),), (("10.0.0.2", 8080),)
    backends = (Backend("a", "99.999", one), Backend("b", "0.001", two), Backend("c", "0", two))
    config = router_config(Routing("d", backends, ("10.96.0.1", 8080), 5), Places())
    [resource] = json.loads(config.files["endpoints.json"])["resources"]
    found = [
        (one["locality"]["zone"], one["priority"], one["load_balancing_weight"])
        for one in resource["endpoints"]
    ]
    assert found == [("a", 0, 99999), ("b", 0, 1), ("c", 1, 1), ("last-resort", 2, 1)]

    only = router_config(Routing("d", (Backend("c", "0", two),), None, 5), Places())
    [resource] = json.loads(only.files["endpoints.json"])["resources"]
    assert [one["priority"] for one in resource["endpoints"]] == [0]


def test_a_router_stays_longer_than_its_callers_and_their_longest_request() -> None:
    assert leave_seconds(spec(limits={"timeout": "30s"})) == 46
    [router] = [one for one in pod_specs(served()) if one["containers"][0]["name"] == "envoy"]
    sleep = router["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert router["terminationGracePeriodSeconds"] > sleep >= 15


def a_pod_with(**status: Any) -> dict[str, Any]:
    return an_object("Pod", "p", api="v1", status=status)


def container(**state: Any) -> dict[str, Any]:
    return {"name": "scorer", "ready": False, **state}


def ended(message: str, code: int = 1) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "message": message, "reason": "Error"}}


@pytest.mark.parametrize(
    ("status", "reason", "final"),
    [
        ({}, None, False),
        ({"containerStatuses": [{"name": "s", "ready": True}]}, None, False),
        (
            {
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
                ]
            },
            "Unschedulable",
            False,
        ),
        (
            {"containerStatuses": [container(state={"waiting": {"reason": "ErrImagePull"}})]},
            "ErrImagePull",
            False,
        ),
        (
            {"containerStatuses": [container(state={"waiting": {"reason": "PodInitializing"}})]},
            None,
            False,
        ),
        (
            {
                "initContainerStatuses": [
                    container(
                        state={"waiting": {"reason": "CrashLoopBackOff"}},
                        lastState=ended('{"reason": "DigestMismatch", "message": "m"}'),
                    )
                ]
            },
            "DigestMismatch",
            True,
        ),
        (
            {"containerStatuses": [container(state=ended('{"reason": "RegistryUnreachable"}'))]},
            "RegistryUnreachable",
            False,
        ),
        ({"containerStatuses": [container(state=ended("[1, 2]"))]}, "Error", False),
        ({"containerStatuses": [container(state=ended(""))]}, "Error", False),
    ],
)
def test_what_is_wrong_with_a_pod(status: Any, reason: str | None, final: bool) -> None:
    problem = problem_of([a_pod_with(**status)])
    assert (problem.reason if problem else None) == reason
    assert (problem.final if problem else False) == final
