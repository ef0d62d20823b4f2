"""What the spec says about requests, as the routers' files say it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from comal_operator.api.model_deployment import ModelDeployment
from comal_operator.core.plan import Seen
from comal_operator.core.serving.endpoints import Backend, Routing
from comal_operator.core.serving.handling import Handling, Mirror, Role, Rule
from comal_operator.core.serving.looked import look
from comal_operator.core.serving.router import config_of
from comal_operator.core.serving.routing import handling_of, routing_of
from make import SETTINGS
from serving_moments import rolling, serving
from serving_world import ServingWorld, an_endpoint

BLUE = {"name": "X-Api", "value": "B"}


def handling(**spec: Any) -> Handling:
    return handling_of(ModelDeployment.model_validate(an_endpoint(**spec)).spec)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, Handling()),
        (
            {
                "traffic": {
                    "rules": [{"header": {"name": "X-Api", "value": "B"}, "to": "Candidate"}]
                }
            },
            Handling(rules=(Rule("x-api", "B", Role.CANDIDATE),)),
        ),
        ({"traffic": {"stickyBy": {"header": "X-User"}}}, Handling(sticky_by="x-user")),
        (
            {"traffic": {"fallback": {"when": ["Unavailable", "ServerError"], "maxBody": "1Ki"}}},
            Handling(repeats_errors=True, repeatable_bytes=1024),
        ),
        ({"limits": {"maxBody": "2M"}}, Handling(body_bytes=2_000_000)),
        ({"limits": {"requestsPerSecondPerKey": 7}}, Handling(key_rate=7)),
        ({"access": {"auth": "None", "tls": {"secretName": "c"}}}, Handling(has_tls=True)),
        ({"access": {"tls": {"secretName": "c"}}}, Handling(has_keys=True, has_tls=True)),
        ({"access": {}}, Handling(has_keys=True)),
        (
            {"access": {"ipAllow": ["10.0.0.0/8"], "proxies": ["10.1.0.0/16"]}},
            Handling(has_keys=True, ip_allow=("10.0.0.0/8",), proxies=("10.1.0.0/16",)),
        ),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_the_spec_says(spec: dict[str, Any], expected: Handling) -> None:
    assert handling(**{"access": {"auth": "None"}, **spec}) == expected


def routing(world: ServingWorld) -> Routing:
    looked = look(world.mdep, Seen(dict(world.objects)), world.now, SETTINGS)
    return routing_of(looked, None)


def test_roles_and_versions_reach_the_endpoints() -> None:
    told = {(one.role, one.model_version) for one in routing(rolling()).backends}
    assert told == {(Role.STABLE, "diabetes-v1"), (Role.CANDIDATE, "diabetes-v2")}


def test_a_mirror_needs_a_candidate_that_routers_know() -> None:
    mirror = {"mirror": {"percent": "20"}}
    calm, busy = serving(), rolling()
    calm.edit(traffic=mirror)
    assert routing(calm).handling.mirror is None
    assert routing(busy).handling.mirror is None
    busy.edit(traffic=mirror)
    assert routing(busy).handling.mirror == Mirror(busy.status["candidate"]["revision"], "20")


def test_a_change_of_shares_leaves_listeners_and_clusters_as_they_are() -> None:
    def files(percent: str) -> dict[str, str]:
        backends = (
            Backend("a", str(100 - int(percent)), (("10.0.0.1", 8080),), Role.STABLE),
            Backend("b", percent, (("10.0.0.2", 8080),), Role.CANDIDATE),
        )
        return dict(config_of(Routing("d", backends, None, 5.0)).files)

    one, other = files("10"), files("50")
    changed = {name for name in one if one[name] != other[name]}
    assert changed == {"endpoints.json", "routes.json"}
