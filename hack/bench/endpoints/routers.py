"""All routers of all endpoints on this machine: each has an address of its own, as its Pod says.

They answer over HTTP in Envoy's words, because what the operator spends on asking them counts. The
addresses are those that RFC 2544 keeps for benchmarks; loopback's own may not be Pods' addresses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from ipaddress import ip_network
from typing import Any, Self

from aiohttp import web

from cluster.commands import run
from comal_operator.core.plan import RouterVersions
from comal_operator.core.serving.acknowledgement import (
    SCORING_CLUSTER,
    SCORING_ROUTES,
    STATS_PORT,
    traffic_of,
)
from crash.cluster import Body

# Between two questions to a router, by whoever has a share.
_REQUESTS = 50
_MILLISECONDS = 10.0
_NETWORK = ip_network("198.18.0.0/15")
_ROUTE = ("local", str(_NETWORK), "dev", "lo")
Ask = Callable[[RouterVersions], Awaitable[Mapping[str, Any] | None]]


@dataclass
class Fleet:
    """Every router of every namespace, on one port."""

    asked: int = 0
    """How many questions for counters were answered."""
    _pods: dict[str, tuple[str, str]] = field(default_factory=dict)
    _addresses: dict[tuple[str, str], str] = field(default_factory=dict)
    _namespaces: dict[str, Ask] = field(default_factory=dict)
    _counted: dict[tuple[str, str], int] = field(default_factory=dict)
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Take the addresses, and listen on all of them; root alone may."""
        await asyncio.to_thread(run, ["ip", "route", "replace", *_ROUTE])
        app = web.Application()
        app.router.add_get("/stats", self._stats)
        app.router.add_get("/clusters", self._clusters)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "0.0.0.0", STATS_PORT, backlog=1024).start()  # noqa: S104 - for any of loopback's addresses
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
        await asyncio.to_thread(run, ["ip", "route", "del", *_ROUTE])

    def serve(self, namespace: str, ask: Ask) -> None:
        """Let `ask` answer for the routers of a namespace."""
        self._namespaces[namespace] = ask

    def address(self, pod: Body) -> str:
        """Return the address of a Pod, which no other one has."""
        key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        if key not in self._addresses:
            number = len(self._addresses) + 1
            address = str(_NETWORK[number])
            self._addresses[key] = address
            self._pods[address] = key
        return self._addresses[key]

    async def _stats(self, request: web.Request) -> web.Response:
        address = _asked(request)
        told = await self._told(address)
        if told is None:
            return web.Response(status=503)
        if request.query.get("type") == "TextReadouts":
            return web.Response(text=_versions(told))
        self.asked += 1
        return web.json_response(self._counters(address, traffic_of(told["endpoints"])))

    async def _clusters(self, _: web.Request) -> web.Response:
        return web.json_response({"cluster_statuses": []})

    async def _told(self, address: str) -> Mapping[str, Any] | None:
        namespace, pod = self._pods[address]
        return await self._namespaces[namespace](RouterVersions(pod=pod, ip=address))

    def _counters(self, address: str, shares: Mapping[str, str]) -> Body:
        stats, times = [], []
        for revision, share in shares.items():
            key = (address, revision)
            self._counted[key] = self._counted.get(key, 0) + (_REQUESTS if Decimal(share) else 0)
            zone = f"cluster.{SCORING_CLUSTER}.zone.router.{revision}"
            count = self._counted[key]
            stats.append({"name": f"{zone}.upstream_rq_completed", "value": count})
            bucket = {"lower_bound": _MILLISECONDS, "width": 1.0, "count": count}
            times.append({"name": f"{zone}.upstream_rq_time", "totals": [bucket]})
        return {"stats": [*stats, {"histograms": {"details": times}}]}


def _asked(request: web.Request) -> str:
    if request.transport is None:
        raise ConnectionResetError
    return str(request.transport.get_extra_info("sockname")[0])


def _versions(told: Mapping[str, Any]) -> str:
    names = {
        f"cluster.{SCORING_CLUSTER}.version_text": "endpoints",
        f"http.{SCORING_ROUTES}.rds.{SCORING_ROUTES}.version_text": "routes",
    }
    return "".join(f'{stat}: "{told[source]}"\n' for stat, source in names.items())
