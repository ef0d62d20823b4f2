"""The HTTPRoute that we make, on a real Gateway: it leads to the routers, whatever serves."""

from __future__ import annotations

import http.client
import socket
from collections import Counter
from pathlib import Path

import pytest

from apiserver import gateway
from apiserver.server import ApiServer, Client
from comal_operator.api.model_deployment import ModelDeployment
from comal_operator.core.serving.attached import http_route
from comal_operator.core.serving.objects import endpoint_service
from router.endpoint import Endpoint
from router.running import free_ports, start, until
from router.scorers import Scorer, event_loop
from serving_world import an_endpoint

pytestmark = [pytest.mark.apiserver, pytest.mark.timeout(300)]

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
HOST = "score.example.com"


def own_address() -> str:
    """Return an address of this machine that an EndpointSlice may have: not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


def ask(port: int, path: str, host: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path, b"{}", {"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError as error:
        return 0, str(error)
    finally:
        connection.close()


def attach(admin: Client, namespace: str, name: str, router_port: int, **attach: object) -> str:
    """Put the Service, its endpoint and the HTTPRoute there; return the route's path."""
    parent = {"name": "public", "namespace": namespace}
    body = an_endpoint(traffic={"attach": {"parentRefs": [parent], **attach}})
    body["metadata"] |= {"name": name, "namespace": namespace}
    spec = ModelDeployment.model_validate(body).spec
    service, route = endpoint_service(body, spec), http_route(body, spec.traffic.attach)
    assert route is not None
    admin.apply(f"/api/v1/namespaces/{namespace}/services/{name}", service)
    piece = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": router_port}],
        "endpoints": [{"addresses": [own_address()], "conditions": {"ready": True}}],
    }
    admin.post(f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices", piece)
    path = f"/apis/{gateway.API}/namespaces/{namespace}/httproutes/{name}"
    admin.apply(path, route)
    return path


def test_callers_come_in_by_a_gateway_while_shares_change(
    server: ApiServer, admin: Client, namespace: str, tmp_path: Path
) -> None:
    for crd in gateway.crds():
        admin.apply(f"{CRDS}/{crd['metadata']['name']}", crd)
    served = f"/apis/{gateway.API}/httproutes"
    until("the CRDs are served", lambda: admin.call("GET", served)[0] == 200)
    (port,) = free_ports(1)
    kind, parent = gateway.gateway("public", port)
    admin.apply(f"/apis/{gateway.API}/gatewayclasses/public", kind)
    admin.apply(f"/apis/{gateway.API}/namespaces/{namespace}/gateways/public", parent)

    with event_loop() as loop, gateway.running(server, port) as log:

        def scorer(word: str) -> Scorer:
            one = Scorer(word, loop)
            one.start()
            return one

        endpoint = Endpoint(scorer)
        router = start(tmp_path, endpoint.routing("0"), address="0.0.0.0")
        try:
            scoring = router.places.scoring_port
            route = attach(admin, namespace, "diabetes", scoring, hostnames=[HOST])
            shared = attach(admin, namespace, "wine", scoring)
            try:
                until("the route leads in", lambda: ask(port, "/score", HOST)[0] == 200)
            except AssertionError as error:
                error.add_note(log())
                raise
            own = "/api/v1/service/wine/score"
            until("the shared one too", lambda: ask(port, own, "any.example.com")[0] == 200)
            assert ask(port, "/score", "any.example.com")[0] == 404
            assert ask(port, "/api/v1/service/other/score", "any.example.com")[0] == 404

            told: Counter[str] = Counter()
            for percent in ("10", "50", "100"):
                router.follow(endpoint.routing(percent))
                for _ in range(100):
                    status, text = ask(port, "/score", HOST)
                    told[text if status == 200 else f"failed {status}"] += 1
            assert told == {"stable": 140, "candidate": 160}
            for path in (route, shared):
                found = admin.get(path)
                assert found["metadata"]["generation"] == 1
                (status,) = found["status"]["parents"]
                said = {one["type"]: one["status"] for one in status["conditions"]}
                assert said == {"Accepted": "True", "ResolvedRefs": "True"}
        finally:
            router.process.kill()
            router.process.wait(timeout=30)
            for one in (*endpoint.stable, *endpoint.candidate, endpoint.cluster_ip):
                one.stop()
