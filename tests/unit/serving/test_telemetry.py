"""`telemetry`: routers follow it at once, Pods by a new revision, and both may go there."""

from __future__ import annotations

import json
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
