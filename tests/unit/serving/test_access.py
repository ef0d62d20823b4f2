"""Keys and certificates reach the routers, and the operator never reads one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from comal_operator.core.plan import CreateCredentials, Credentials
from comal_operator.shell.credentials import with_credentials
from make import a_version
from serving_world import ServingWorld, an_endpoint

KEYS = {"auth": "Keys"}


def served(**fields: Any) -> ServingWorld:
    world = ServingWorld().add(an_endpoint(**fields), a_version(1))
    world.settle()
    return world


def router(world: ServingWorld) -> Any:
    return world.objects["Deployment", "diabetes-router"]["spec"]["template"]["spec"]


def secrets(world: ServingWorld) -> dict[str, str]:
    """Return the mounted Secrets by folder."""
    pod = router(world)
    names = {one["name"]: one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one}
    mounts = pod["containers"][0]["volumeMounts"]
    return {one["mountPath"]: names[one["name"]] for one in mounts if one["name"] in names}


def test_keys_are_made_once_and_mounted_by_default() -> None:
    world = served()
    assert world.key_secrets == ["diabetes-keys"]
    assert secrets(world)["/etc/comal/keys"] == "diabetes-keys"
    assert world.status["keysSecret"] == "diabetes-keys"
    world.edit(replicas=3)
    world.settle()
    assert world.key_secrets == ["diabetes-keys"]


def test_keys_that_belong_to_one_who_is_gone_are_made_when_they_went() -> None:
    """A namesake was deleted a moment ago; no watch tells when its Secret goes."""
    world = ServingWorld(refusals={("Secret", "diabetes-keys"): "it belongs to somebody else"})
    world.add(an_endpoint(access=KEYS), a_version(1))
    assert world.settle().requeue_after == timedelta(seconds=5)
    assert world.key_secrets == []
    assert world.condition("Ready")["reason"] == "ChildRefused"
    assert "belongs to somebody else" in world.condition("Ready")["message"]
    world.refusals.clear()
    world.settle()
    assert world.key_secrets == ["diabetes-keys"]
    assert world.condition("Ready")["reason"] == "Serving"


def test_given_keys_are_mounted_and_none_are_made() -> None:
    world = served(access={**KEYS, "keys": {"secretName": "mine"}})
    assert world.key_secrets == []
    assert secrets(world)["/etc/comal/keys"] == "mine"
    assert world.status["keysSecret"] == "mine"
    world.edit(access=KEYS)
    world.settle()
    assert world.key_secrets == ["diabetes-keys"]


def test_without_keys_nothing_is_made_or_mounted() -> None:
    world = served(access={"auth": "None"})
    assert world.key_secrets == []
    assert list(secrets(world)) == ["/etc/comal/router"]
    assert "keysSecret" not in world.status


def test_a_certificate_turns_the_service_to_https() -> None:
    world = served(access={"auth": "None", "tls": {"secretName": "cert"}})
    assert secrets(world)["/etc/comal/tls"] == "cert"
    ports = world.objects["Service", "diabetes"]["spec"]["ports"]
    assert ports == [{"name": "https", "port": 443, "targetPort": 8080}]
    assert world.status["url"] == "https://diabetes.team.svc/score"


def test_nodes_leave_the_address_of_callers_that_are_judged_by_it() -> None:
    attach = {"attach": {"service": {"type": "LoadBalancer"}}}
    world = served(access={"ipAllow": ["192.0.2.0/24"]})
    before = world.objects["Service", "diabetes"]
    assert "externalTrafficPolicy" not in before["spec"]
    world.edit(traffic=attach)
    world.settle()
    judged = world.objects["Service", "diabetes"]
    assert judged["spec"]["externalTrafficPolicy"] == "Local"
    world.edit(access={})
    world.settle()
    free = world.objects["Service", "diabetes"]
    assert "externalTrafficPolicy" not in free["spec"]


def test_keys_are_long_and_never_the_same() -> None:
    action = CreateCredentials({"kind": "Secret"}, Credentials.KEYS)
    one, other = [with_credentials(action)["data"] for _ in range(2)]
    assert set(one) == {"primary", "secondary"}
    assert len({*one.values(), *other.values()}) == 4
    assert all(len(key) > 40 for key in one.values())
