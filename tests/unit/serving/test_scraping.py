"""Who may read an endpoint's metrics where NetworkPolicies are enforced."""

from __future__ import annotations

from typing import Any

import pytest

from serving_moments import serving

ALLOWED = {"comal.dev/scrape": "allowed"}


def peers(component: str, port: int) -> list[dict[str, Any]]:
    policy = serving().objects["NetworkPolicy", f"diabetes-{component}"]
    return [
        peer
        for rule in policy["spec"]["ingress"]
        if {"protocol": "TCP", "port": port} in rule["ports"]
        for peer in rule.get("from", ())
    ]


def lets_in(
    rules: list[dict[str, Any]],
    namespace: dict[str, str],
    pod: dict[str, str],
    *,
    elsewhere: bool = True,
) -> bool:
    """Return what an enforcing network says of such a Pod."""

    def chosen(selector: dict[str, Any], labels: dict[str, str]) -> bool:
        return bool(selector["matchLabels"].items() <= labels.items())

    for peer in rules:
        if "namespaceSelector" not in peer and elsewhere:
            continue
        everywhere: dict[str, Any] = {"matchLabels": {}}
        if chosen(peer.get("namespaceSelector", everywhere), namespace) and chosen(
            peer.get("podSelector", everywhere), pod
        ):
            return True
    return False


@pytest.mark.parametrize(("component", "port"), [("router", 9902), ("scorer", 8081)])
def test_who_is_named_may_scrape_and_nobody_else(component: str, port: int) -> None:
    rules = peers(component, port)
    assert lets_in(rules, ALLOWED, {"app": "prometheus"})
    assert lets_in(rules, {}, ALLOWED, elsewhere=False)
    assert not lets_in(rules, {}, {"app": "prometheus"})
    # Whoever may label their own Pods may not so reach into another namespace.
    assert not lets_in(rules, {}, ALLOWED)
    assert not lets_in(rules, {"comal.dev/scrape": "no"}, {})
    assert not lets_in(rules, {}, {}, elsewhere=False)


def test_who_may_scrape_may_not_score() -> None:
    rules = peers("scorer", 8080)
    assert rules
    assert not lets_in(rules, ALLOWED, {"app": "prometheus"})
    assert not lets_in(rules, {}, ALLOWED, elsewhere=False)
