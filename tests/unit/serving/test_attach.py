"""Ways in from outside: made once, changed with the spec, removed with it, never a stranger's."""

from __future__ import annotations

from typing import Any

import pytest

from comal_operator.core.plan import Apply
from make import a_version, an_object
from serving_world import ServingWorld, an_endpoint

GATEWAY = {"parentRefs": [{"name": "public"}], "hostnames": ["score.example.com"]}
INGRESS = {"ingress": {"className": "nginx", "host": "score.example.com", "tlsSecretName": "c"}}
INTERNAL = {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"}


def attached(**attach: Any) -> ServingWorld:
    endpoint = an_endpoint(traffic={"attach": attach})
    world = ServingWorld().add(endpoint, a_version(1))
    world.settle()
    return world


def spec(world: ServingWorld, kind: str) -> Any:
    found = world.objects.get((kind, "diabetes"))
    return found["spec"] if found else None


def test_an_httproute_leads_to_the_routers() -> None:
    route = spec(attached(**GATEWAY), "HTTPRoute")
    assert route["parentRefs"] == [{"name": "public"}]
    assert route["hostnames"] == ["score.example.com"]
    (rule,) = route["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    assert rule["backendRefs"] == [{"name": "diabetes", "port": 80}]


def test_without_a_host_name_endpoints_share_an_address_by_path() -> None:
    route = spec(attached(parentRefs=[{"name": "public"}]), "HTTPRoute")
    (rule,) = route["rules"]
    assert rule["matches"][0]["path"]["value"] == "/api/v1/service/diabetes/"


def test_an_ingress_has_host_class_and_certificate() -> None:
    found = spec(attached(**INGRESS), "Ingress")
    assert found["ingressClassName"] == "nginx"
    assert found["tls"] == [{"hosts": ["score.example.com"], "secretName": "c"}]


@pytest.mark.parametrize("attach", [GATEWAY, INGRESS], ids=["gateway", "ingress"])
def test_it_never_changes_in_a_rollout_and_goes_with_the_spec(attach: dict[str, Any]) -> None:
    world = attached(**attach)
    kind = "Ingress" if "ingress" in attach else "HTTPRoute"
    before = len(world.written)
    world.add(a_version(2, digest="sha256:" + "2" * 64))
    world.settle(7200)
    later = [one for one in world.written[before:] if isinstance(one, Apply)]
    assert not [one for action in later for one in action.manifests if one["kind"] == kind]

    world.edit(traffic={"attach": {}})
    world.settle()
    assert spec(world, kind) is None
    assert not world.look().actions


@pytest.mark.parametrize("attach", [GATEWAY, INGRESS], ids=["gateway", "ingress"])
def test_what_somebody_deletes_or_changes_comes_back(attach: dict[str, Any]) -> None:
    world = attached(**attach)
    kind = "Ingress" if "ingress" in attach else "HTTPRoute"
    right = spec(world, kind)
    world.objects.pop((kind, "diabetes"))
    world.settle()
    assert spec(world, kind) == right
    world.objects[kind, "diabetes"]["spec"] = {"rules": []}
    world.settle()
    assert spec(world, kind) == right
    assert not world.look().actions


def test_what_is_somebody_elses_is_left_alone() -> None:
    stranger = an_object("Ingress", "diabetes", api="networking.k8s.io/v1", spec={"rules": []})
    world = ServingWorld().add(an_endpoint(traffic={"attach": INGRESS}), a_version(1), stranger)
    world.settle()
    assert spec(world, "Ingress") == {"rules": []}
    assert "Ingress diabetes" in world.condition("Ready")["message"]


def test_the_service_has_its_type_and_annotations_and_loses_them_again() -> None:
    world = attached(service={"type": "LoadBalancer", "annotations": INTERNAL})
    service = world.objects["Service", "diabetes"]
    assert service["spec"]["type"] == "LoadBalancer"
    assert INTERNAL.items() <= service["metadata"]["annotations"].items()
    before = len(world.written)
    world.edit(traffic={"attach": {}})
    world.settle()
    kinds = {
        one["kind"] for a in world.written[before:] if isinstance(a, Apply) for one in a.manifests
    }
    assert "Service" in kinds
    assert world.objects["Service", "diabetes"]["spec"]["type"] == "ClusterIP"
