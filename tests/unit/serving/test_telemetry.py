"""`telemetry`: routers follow it at once, Pods by a new revision, and both may go there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from comal_operator.core.plan import Seen
from comal_operator.core.serving.looked import look
from comal_operator.core.serving.router import config_of
from comal_operator.core.serving.routing import routing_of
from make import SETTINGS, a_version
from serving_world import ServingWorld, an_endpoint

COLLECTOR = "http://otel-collector.monitoring:4318"
WATCHED = ("listeners.json", "clusters.json")
TRACED = {"otlp": {"endpoint": COLLECTOR}, "sample": "0.05"}


def served(**fields: Any) -> ServingWorld:
    world = ServingWorld().add(an_endpoint(**fields), a_version(1))
    world.settle()
    return world


def files_of(world: ServingWorld) -> dict[str, Any]:
    looked = look(world.mdep, Seen(dict(world.objects)), world.now, SETTINGS)
    files = config_of(routing_of(looked, None)).files
    return {name: json.loads(files[name])["resources"] for name in WATCHED}


def ports(world: ServingWorld, component: str) -> set[int]:
    """Return the ports that Pods may go to beside those of DNS."""
    policy = world.objects["NetworkPolicy", f"diabetes-{component}"]
    rules = policy["spec"]["egress"]
    return {port["port"] for rule in rules for port in rule["ports"] if port["port"] != 53}


def manager_of(world: ServingWorld) -> dict[str, Any]:
    [scoring, _] = files_of(world)["listeners.json"]
    found: dict[str, Any] = scoring["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def test_without_it_nothing_is_traced_and_a_trace_is_made_up_for_the_log() -> None:
    world = served()
    manager = manager_of(world)
    assert "tracing" not in manager
    assert manager["http_filters"][0]["name"] == "comal.trace"
    names = [one["name"] for one in files_of(world)["clusters.json"]]
    assert "collector" not in names
    assert 4318 not in ports(world, "router") | ports(world, "scorer")


def test_routers_are_told_where_spans_go_and_how_many() -> None:
    world = served(telemetry=TRACED)
    manager = manager_of(world)
    provider = manager["tracing"]["provider"]["typed_config"]
    assert provider["service_name"] == "diabetes-router"
    assert provider["http_service"]["http_uri"]["uri"] == f"{COLLECTOR}/v1/traces"
    ratio = provider["sampler"]["typed_config"]["wrapped_sampler"]["typed_config"]
    assert ratio["sampling_percentage"] == {"numerator": 50_000, "denominator": "MILLION"}
    assert "comal.trace" not in [one["name"] for one in manager["http_filters"]]
    [collector] = [one for one in files_of(world)["clusters.json"] if one["name"] == "collector"]
    [group] = collector["load_assignment"]["endpoints"]
    address = group["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    assert address == {"address": "otel-collector.monitoring", "port_value": 4318}


def test_routers_and_pods_may_go_to_the_collector() -> None:
    world = served(telemetry=TRACED)
    assert 4318 in ports(world, "router")
    assert 4318 in ports(world, "scorer")


def test_a_revision_that_still_serves_keeps_its_way_to_its_collector() -> None:
    world = served(telemetry=TRACED)
    world.edit(telemetry={"otlp": {"endpoint": "http://other:4319"}})
    world.look()
    assert ports(world, "scorer") >= {4318, 4319}
    assert ports(world, "router") & {4318, 4319} == {4319}
    world.settle(3 * 3600)
    world.edit(revisionHistoryLimit=1)
    world.settle(3600)
    assert ports(world, "scorer") & {4318, 4319} == {4319}


def test_a_variable_of_ones_own_from_a_secret_opens_nothing() -> None:
    variable = {
        "name": "OTEL_EXPORTER_OTLP_ENDPOINT",
        "secretKeyRef": {"name": "collector", "key": "address"},
    }
    world = served(predictor={"env": [variable]})
    assert ports(world, "scorer") == ports(served(), "scorer")


INSIGHTS = {"connectionString": {"name": "application-insights", "key": "connectionString"}}
MONITORED = {"azureMonitor": INSIGHTS, "sample": "0.5"}
WITH_AZURE = replace(SETTINGS, azure_image="registry.example/azure@sha256:" + "a" * 64)


def monitored(**fields: Any) -> ServingWorld:
    world = ServingWorld(settings=WITH_AZURE)
    world.add(an_endpoint(**{"telemetry": MONITORED, **fields}), a_version(1))
    world.settle()
    return world


def relay_of(world: ServingWorld) -> Any:
    found = [
        one
        for (kind, _), one in world.objects.items()
        if kind == "Deployment"
        and one["metadata"]["labels"]["app.kubernetes.io/component"] == "spans"
    ]
    assert len(found) <= 1
    return found[0] if found else None


def test_one_pod_alone_is_given_the_connection_string() -> None:
    world = monitored()
    relay = relay_of(world)
    name = relay["metadata"]["name"]
    pod = relay["spec"]["template"]["spec"]
    [secret] = [one["secret"] for one in pod["volumes"] if "secret" in one]
    assert secret["secretName"] == "application-insights"
    assert secret["items"] == [{"key": "connectionString", "path": "connection-string"}]
    assert secret["optional"] is True
    assert "env" not in pod["containers"][0] or "Secret" not in str(pod["containers"][0]["env"])
    others = [
        one for (kind, key), one in world.objects.items() if (kind, key) != ("Deployment", name)
    ]
    asked = [one for one in others if one["kind"] != "ModelDeployment"]
    assert "application-insights" not in json.dumps(asked)
    provider = manager_of(world)["tracing"]["provider"]["typed_config"]
    address = f"http://{name}.team.svc:4318"
    assert provider["http_service"]["http_uri"]["uri"] == f"{address}/v1/traces"
    [scorer] = [
        one["spec"]["template"]["spec"]["containers"][0]
        for one in others
        if one["kind"] == "Deployment"
        and one["metadata"]["labels"]["app.kubernetes.io/component"] == "scorer"
    ]
    told = {one["name"]: one.get("value") for one in scorer["env"]}
    assert told["OTEL_EXPORTER_OTLP_ENDPOINT"] == address
    assert told["OTEL_TRACES_SAMPLER_ARG"] == "0.5"
    assert world.objects["Service", name]["spec"]["ports"][0]["port"] == 4318


def test_only_routers_and_scorers_reach_it_and_it_reaches_azure() -> None:
    proxy = {"url": "http://proxy:3128", "noProxy": [".example.org"]}
    bundle = {"configMap": "company", "key": "root.pem"}
    direct, led = (
        monitored(telemetry={"azureMonitor": {**INSIGHTS, **more}})
        for more in ({}, {"proxy": proxy, "caBundle": bundle})
    )
    policies = [one.objects["NetworkPolicy", "diabetes-spans"]["spec"] for one in (direct, led)]
    [rule] = policies[0]["ingress"]
    senders = [one["podSelector"]["matchLabels"] for one in rule["from"]]
    assert {one["app.kubernetes.io/component"] for one in senders} == {"router", "scorer"}
    assert {one["comal.dev/model-deployment"] for one in senders} == {"diabetes"}
    assert not any("namespaceSelector" in str(one) for one in policies[0]["egress"])
    assert any("namespaceSelector" in str(one) for one in policies[1]["egress"])
    pod = relay_of(led)["spec"]["template"]["spec"]
    env = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    assert env["HTTPS_PROXY"] == "http://proxy:3128"
    assert ".example.org" in env["NO_PROXY"]
    assert [one["configMap"]["name"] for one in pod["volumes"] if "configMap" in one] == ["company"]


def test_what_the_pod_tells_is_a_condition_and_the_endpoint_is_well_without() -> None:
    world = monitored()
    told = world.condition("SpansSent")
    assert (told["status"], told["reason"]) == ("True", "Sending")
    assert "Secret application-insights" in told["message"]

    [pod] = world.pods(component="spans")
    words = '{"reason": "ConnectionStringInvalid", "message": "telemetry.azureMonitor…: take it"}'
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": words}}
    container = {"name": "relay", "ready": False, "state": {"running": {}}, "lastState": ended}
    pod["status"]["containerStatuses"] = [container]
    world.look()
    told = world.condition("SpansSent")
    assert (told["status"], told["reason"]) == ("False", "ConnectionStringInvalid")
    assert told["message"].endswith("take it")
    assert world.condition("Ready")["status"] == "True"

    container["ready"] = True
    world.look()
    assert world.condition("SpansSent")["status"] == "True"
    assert not world.look().actions


def test_without_the_image_that_calls_azure_the_endpoint_serves_and_says_so() -> None:
    world = served(telemetry=MONITORED)
    assert relay_of(world) is None
    told = world.condition("SpansSent")
    assert (told["status"], told["reason"]) == ("False", "AzureImageMissing")
    assert world.condition("Ready")["status"] == "True"


def test_another_secret_is_no_new_revision_and_the_end_of_the_field_is_its_end() -> None:
    world = monitored()
    stable = world.status["stable"]["revision"]
    other = {"connectionString": {"name": "other", "key": "here"}}
    world.edit(telemetry={**MONITORED, "azureMonitor": other})
    world.settle()
    assert world.status["stable"]["revision"] == stable
    assert "other" in json.dumps(relay_of(world))

    world.edit(telemetry=TRACED)
    world.look()
    assert relay_of(world) is None
    assert not [key for key in world.objects if key[0] == "Service" and "spans" in key[1]]
    assert world.condition("SpansSent")["status"] == "absent"
