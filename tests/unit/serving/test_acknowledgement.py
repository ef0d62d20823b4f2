"""What a router says it runs."""

from __future__ import annotations

import pytest

from comal_operator.core.serving.acknowledgement import (
    acknowledged_traffic,
    parse_router_versions,
    traffic_of,
    traffic_text,
)

TOLD = """cluster.scoring.version_text: "a1b2c3d4=90,e5f6a7b8=10 #9c0ffee1"
cluster_manager.cds.version_text: "50c2de30"
http.scoring.rds.scoring.version_text: "7aaa0f6d"
listener_manager.lds.version_text: "6667a156"
"""


def test_every_version_is_read() -> None:
    versions = parse_router_versions(TOLD)
    assert versions == {
        "endpoints": "a1b2c3d4=90,e5f6a7b8=10 #9c0ffee1",
        "clusters": "50c2de30",
        "routes": "7aaa0f6d",
        "listeners": "6667a156",
    }
    assert acknowledged_traffic(versions) == {"a1b2c3d4": "90", "e5f6a7b8": "10"}


@pytest.mark.parametrize(
    "text",
    ["", "404 page not found", '<html>cluster.scoring.version_text: "x"', "a: b\n\n: \n", "x: 1"],
)
def test_anything_else_gives_nothing(text: str) -> None:
    assert parse_router_versions(text) == {}


def test_what_envoy_has_not_accepted_yet_is_left_out() -> None:
    assert parse_router_versions('cluster.scoring.version_text: ""') == {}
    assert acknowledged_traffic({"clusters": "1"}) is None
    assert acknowledged_traffic(None) is None


@pytest.mark.parametrize("traffic", [{}, {"a": "100"}, {"b": "0.001", "a": "99.999", "c": "0"}])
def test_traffic_survives_its_text(traffic: dict[str, str]) -> None:
    assert traffic_of(traffic_text(traffic, "12345678")) == traffic
