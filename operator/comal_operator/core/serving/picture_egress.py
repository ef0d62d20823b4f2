"""Where scoring Pods may go for pictures: public addresses and the networks they were told of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from comal_operator.core.plan import Manifest
from comal_scorer import contract

_USUAL: Final = {"http": (80,), "https": (443,)}
_URL: Final = re.compile(r"(https?)://[^/:]+(?::([0-9]+))?(?:/.*)?")
# What is no public address. The scorer itself looks closer, at every address it connects to; this
# holds for whatever else runs in its place.
_PRIVATE_4: Final = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32"),
    *("169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3"),
)
_PRIVATE_6: Final = ("::/8", "64:ff9b::/96", "fc00::/7", "fe80::/10", "ff00::/8")


def picture_egress(templates: Iterable[Manifest]) -> list[dict[str, Any]]:
    """Return the rule for all of these Pods together; none where no URL is followed."""
    urls, networks = set[str](), set[str]()
    for template in templates:
        for name, value in _environment(template):
            if name == contract.IMAGE_URLS_ENV:
                urls |= set(value.split())
            elif name == contract.IMAGE_NETWORKS_ENV:
                networks |= set(value.split())
    if not urls:
        return []
    public = [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": list(_PRIVATE_4)}},
        {"ipBlock": {"cidr": "::/0", "except": list(_PRIVATE_6)}},
    ]
    named = [{"ipBlock": {"cidr": network}} for network in sorted(networks)]
    ports = sorted({port for url in urls for port in _ports(url)})
    return [{"to": [*public, *named], "ports": [{"protocol": "TCP", "port": p} for p in ports]}]


def _environment(template: Manifest) -> Iterator[tuple[str, str]]:
    for container in template["spec"]["containers"]:
        for one in container.get("env", ()):
            yield one["name"], one.get("value", "")


def _ports(url: str) -> tuple[int, ...]:
    parts = _URL.fullmatch(url)
    if parts is None:
        # A bare host: either scheme will do.
        return _USUAL["http"] + _USUAL["https"]
    return (int(parts[2]),) if parts[2] else _USUAL[parts[1]]
