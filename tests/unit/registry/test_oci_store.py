"""A registry elsewhere: one way there, and what is told of it, moment by moment."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from azure_world import GUID, WITH_IMAGE, World, a_mirrored_registry
from comal_operator.core.plan import Manifest
from comal_operator.core.registry.objects import registry_labels
from comal_trainer.contract.gateway import Upstream, read_upstream
from make import a_registry, an_object

IDENTITY = {"workloadIdentity": {"clientId": GUID}}
PRINCIPAL = {"secretRef": {"name": "principal"}}
LOGIN = {"loginSecretRef": {"name": "token"}}
SUBJECT = "system:serviceaccount:team:comal-registry-default-azure"


def elsewhere(credential: Any = IDENTITY, **oci: Any) -> dict[str, Any]:
    """Return a registry whose models lie in one of Azure's."""
    given = {"credential": credential} if credential else {}
    store = {"oci": {"repository": "comal.azurecr.io/models/of-the-clinic", **given, **oci}}
    registry = a_registry()
    return {**registry, "spec": {**registry["spec"], "store": store}, "status": {}}


def looked(registry: Manifest, **settings: Any) -> World:
    world = World(registry)
    world.settings = replace(WITH_IMAGE, **settings)
    world.registry()
    return world


def deployment(world: World) -> Manifest:
    return world.objects["Deployment", "comal-registry-default"]


def told(world: World) -> Upstream:
    [container] = deployment(world)["spec"]["template"]["spec"]["containers"]
    return read_upstream(container["args"][1].removeprefix("--target="))


def run(world: World, available: int = 2, updated: int = 2) -> None:
    status = {"availableReplicas": available, "updatedReplicas": updated}
    world.put({**deployment(world), "status": status})
    world.registry()


def end(world: World, reason: str, message: str, name: str = "gateway-1") -> Manifest:
    """Let one Pod of the gateway end with these words, and wait for its next try."""
    ended = {"exitCode": 1, "message": json.dumps({"reason": reason, "message": message})}
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s"}
    container = {
        "name": "gateway",
        "ready": False,
        "state": {"waiting": waiting},
        "lastState": {"terminated": ended},
    }
    status = {"phase": "Running", "containerStatuses": [container]}
    pod = an_object("Pod", name, api="v1", status=status)
    pod["metadata"]["labels"] = registry_labels(elsewhere())
    world.put(pod)
    world.registry()
    return pod


def ready(world: World) -> tuple[str, str]:
    return world.said("ModelRegistry", "default")["Ready"]


def reached(world: World) -> tuple[str, str]:
    return world.said("ModelRegistry", "default")["StoreReached"]


def test_a_gateway_stands_where_the_registry_would() -> None:
    world = looked(elsewhere())
    kinds = {kind for kind, _ in world.objects}
    assert kinds == {
        *("ModelRegistry", "ServiceAccount", "NetworkPolicy", "Deployment", "Service", "Secret")
    }
    assert (ready(world)[1], reached(world)) == ("Starting", ("Unknown", "Starting"))
    run(world)
    assert (ready(world), reached(world)) == (("True", "Serving"), ("True", "Reached"))
    status = world.objects["ModelRegistry", "default"]["status"]
    assert status["url"] == "http://comal-registry-default:5001"
    text = world.message("ModelRegistry", "default", "StoreReached")
    assert "comal.azurecr.io/models/of-the-clinic" in text
    assert GUID in text


@pytest.mark.parametrize(
    ("credential", "image", "account", "used"),
    [
        (IDENTITY, WITH_IMAGE.azure_image, "comal-registry-default-azure", True),
        (PRINCIPAL, WITH_IMAGE.azure_image, "comal-registry-default-azure", False),
        (LOGIN, WITH_IMAGE.trainer_image, "comal-registry-default", False),
        (None, WITH_IMAGE.trainer_image, "comal-registry-default", False),
    ],
)
def test_who_it_comes_as(credential: Any, image: str, account: str, used: bool) -> None:
    world = looked(elsewhere(credential))
    template = deployment(world)["spec"]["template"]
    pod, labels = template["spec"], template["metadata"]["labels"]
    assert [one["image"] for one in pod["containers"]] == [image]
    assert pod["serviceAccountName"] == account
    assert (labels.get("azure.workload.identity/use") == "true") == used
    notes = world.objects["ServiceAccount", account]["metadata"].get("annotations", {})
    assert notes == ({"azure.workload.identity/client-id": GUID} if used else {})
    mounted = {one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one}
    named = {
        "name" if one is None else next(iter(one.values())).get("name") for one in [credential]
    }
    assert mounted == {"comal-registry-default-login", *(named & {"principal", "token"})}
    upstream = told(world)
    assert (upstream.host, upstream.path) == ("comal.azurecr.io", "models/of-the-clinic")
    assert (upstream.subject, upstream.is_azure) == (SUBJECT, credential in (IDENTITY, PRINCIPAL))


def test_the_way_out_is_its_own() -> None:
    proxy = {"url": "http://proxy:3128", "noProxy": [".privatelink.example.org"]}
    world = looked(elsewhere(proxy=proxy, caBundle={"configMap": "company", "key": "root.pem"}))
    pod = deployment(world)["spec"]["template"]["spec"]
    env = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    assert env["HTTPS_PROXY"] == "http://proxy:3128"
    assert env["NO_PROXY"].endswith(",.privatelink.example.org")
    assert [one["configMap"]["name"] for one in pod["volumes"] if "configMap" in one] == ["company"]
    assert told(world).ca_bundle == "company/root.pem"


def test_without_the_image_that_is_told() -> None:
    world = looked(elsewhere(), azure_image="")
    assert ("Deployment", "comal-registry-default") not in world.objects
    assert (ready(world), reached(world)) == (
        ("False", "AzureImageMissing"),
        ("Unknown", "AzureImageMissing"),
    )
    world.settings = WITH_IMAGE
    world.registry()
    run(world)
    assert ready(world) == ("True", "Serving")


def test_why_it_is_not_let_in_is_told_and_heals() -> None:
    world = looked(elsewhere())
    run(world, available=0)
    text = f"AADSTS700213: no federated credential for {SUBJECT}"
    pod = end(world, "AzureAuthFailed", text)
    assert ready(world) == reached(world) == ("False", "AzureAuthFailed")
    assert SUBJECT in world.message("ModelRegistry", "default", "Ready")
    going = {**pod["status"]["containerStatuses"][0], "ready": True, "state": {"running": {}}}
    world.put({**pod, "status": {"phase": "Running", "containerStatuses": [going]}})
    run(world)
    assert (ready(world), reached(world)) == (("True", "Serving"), ("True", "Reached"))


def test_a_new_login_that_is_refused_is_told_while_the_old_one_serves() -> None:
    world = looked(elsewhere())
    run(world)
    run(world, available=2, updated=1)
    end(world, "AzureForbidden", "give it the role AcrPush")
    assert (ready(world), reached(world)) == (("True", "Serving"), ("False", "AzureForbidden"))


def test_a_workspace_and_a_registry_share_an_account() -> None:
    both = elsewhere()
    both["spec"]["azureML"] = a_mirrored_registry()["spec"]["azureML"]
    world = looked(both)
    accounts = [name for kind, name in world.objects if kind == "ServiceAccount"]
    assert accounts == ["comal-registry-default-azure"]
    pods = [one["spec"]["template"]["spec"] for one in (world.jobs[-1], deployment(world))]
    assert {pod["serviceAccountName"] for pod in pods} == set(accounts)


def test_who_reaches_out() -> None:
    """Azure is outside; another registry, or a proxy, may be a Pod."""
    inside: Manifest = {"to": [{"namespaceSelector": {}}]}
    for registry, expected in (
        (elsewhere(), False),
        (elsewhere(proxy={"url": "http://proxy:3128"}), True),
        (elsewhere(LOGIN), True),
    ):
        policy = looked(registry).objects["NetworkPolicy", "comal-registry-default"]["spec"]
        assert (inside in policy["egress"]) == expected
        assert any("ipBlock" in one for rule in policy["egress"] for one in rule.get("to", ()))
