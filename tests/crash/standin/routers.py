"""Stands in for Envoy: each router runs what its Secret says, a moment after that was written.

What it counts it makes up: some requests between two questions for whoever has a share.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from comal_operator.core.names import LABEL_REVISION
from comal_operator.core.plan import RouterVersions
from comal_operator.core.serving.acknowledgement import traffic_of
from comal_operator.core.serving.counters import Counters, Reading
from comal_operator.core.serving.router import secret_name
from crash.cluster import Mirror
from crash.standin.deployments import model_versions
from crash.standin.jobs import Script

_ENDPOINTS = "endpoints.json"
# What tells which shares a router runs, and whether it answers anybody at all.
_FILES = (_ENDPOINTS, "routes.json")
_REQUESTS = 10
# Milliseconds: how long an answer takes, and how long a slow one.
_QUICK, _SLOW = 10.0, 100.0


class Routers:
    """All routers of a namespace, and watch over who is given traffic before they followed."""

    def __init__(self, mirror: Mirror, namespace: str, script: Script) -> None:
        self._mirror = mirror
        self._namespace = namespace
        self._lag = script.router_lag
        self._failing, self._slow = script.failing, script.slow
        self._counted: dict[tuple[int, str], Counters] = {}
        self._written: dict[str, list[tuple[float, dict[str, str]]]] = {}
        self._shares: dict[str, tuple[dict[str, Decimal], float]] = {}
        """Of each endpoint, and since when."""
        self.overtaken: list[str] = []
        """Shares that rose before every router ran the last ones."""
        self._unlisten = mirror.listen(namespace, self._hear)

    def close(self) -> None:
        """Stop listening."""
        self._unlisten()

    async def ask(self, question: RouterVersions) -> Mapping[str, Any] | None:
        """Answer as that router does; None before it has any configuration."""
        pod = self._mirror.get("Pod", self._namespace, question.pod)
        if pod is None:
            return None
        [secret] = [one["secret"] for one in pod["spec"]["volumes"] if one["name"] == "config"]
        router = int(question.pod.rpartition("-")[2])
        told = self._versions(router, secret["secretName"])
        if told is None or not (question.counters and (self._failing or self._slow)):
            return told
        return {**told, "reading": self._reading(router, traffic_of(told["endpoints"]))}

    def _reading(self, router: int, shares: Mapping[str, str]) -> Reading:
        for revision in (one for one, share in shares.items() if Decimal(share)):
            failed = _REQUESTS if self._is_of(self._failing, revision) else 0
            took = _SLOW if self._is_of(self._slow, revision) else _QUICK
            before = self._counted.get((router, revision), Counters())
            more = Counters(_REQUESTS, failed, {took: _REQUESTS})
            self._counted[router, revision] = before + more
        return Reading({one: self._counted.get((router, one), Counters()) for one in shares})

    def _is_of(self, versions: frozenset[str], revision: str) -> bool:
        return any(
            model_versions(one) & versions
            for one in self._mirror.all(self._namespace, "Deployment")
            if one["metadata"]["labels"].get(LABEL_REVISION) == revision
        )

    def _running(self, router: int, secret: str) -> str | None:
        return (self._versions(router, secret) or {}).get("endpoints")

    def _versions(self, router: int, secret: str) -> dict[str, str] | None:
        followed = self._followed(router, secret)
        return followed[-1][1] if followed else None

    def _followed(self, router: int, secret: str) -> list[tuple[float, dict[str, str]]]:
        """Return when what was written that the router has followed; it runs the last."""
        until = time.monotonic() - self._lag * (1 + router)
        return [one for one in self._written.get(secret, ()) if one[0] <= until]

    def _hear(self, event: Mapping[str, Any]) -> None:
        body = event["object"]
        if body["kind"] == "Secret" and _ENDPOINTS in (body.get("data") or {}):
            files = {name: json.loads(base64.b64decode(body["data"][name])) for name in _FILES}
            versions = {
                name.removesuffix(".json"): str(one["version_info"]) for name, one in files.items()
            }
            written = self._written.setdefault(body["metadata"]["name"], [])
            written.append((time.monotonic(), versions))
        if body["kind"] == "ModelDeployment":
            self._judge_rise(body)
        if body["kind"] == "Deployment" and event["type"] == "MODIFIED":
            self._judge_scale(body)

    def _judge_scale(self, deployment: Mapping[str, Any]) -> None:
        """See whether a revision loses its Pods while a router still sends requests there."""
        revision = deployment["metadata"]["labels"].get(LABEL_REVISION)
        if revision is None or deployment["spec"]["replicas"]:
            return
        owner = deployment["metadata"]["ownerReferences"][0]
        secret = secret_name({"metadata": owner})
        for router in range(2):
            share = traffic_of(self._running(router, secret) or "").get(revision, "0")
            if Decimal(share):
                self.overtaken.append(f"{revision} scaled to 0, router {router} sends {share} %")

    def _judge_rise(self, mdep: Mapping[str, Any]) -> None:
        """See whether a share rose from one that not every router runs yet."""
        status = mdep.get("status") or {}
        shares = {
            one["revision"]: Decimal(one["percent"])
            for one in status.get("traffic") or ()
            if "percent" in one
        }
        uid = mdep["metadata"]["uid"]
        before, since = self._shares.get(uid, ({}, 0.0))
        if shares != before:
            self._shares[uid] = shares, time.monotonic()
        rising = (status.get("candidate") or {}).get("revision", "")
        if not 0 < before.get(rising, Decimal(0)) < shares.get(rising, Decimal(0)):
            return
        for router in range(2):
            # One that a late Secret threw back since has followed all the same.
            ran = self._ran(router, secret_name(mdep), since)
            if not any(Decimal(one.get(rising, "0")) >= before[rising] for one in ran):
                said = f"router {router} ran {ran} when {rising} rises from {before[rising]}"
                self.overtaken.append(f"{said} to {shares[rising]}")

    def _ran(self, router: int, secret: str, since: float) -> list[Mapping[str, str]]:
        """Return the shares that the router runs, and all that it has run that came since then."""
        followed = self._followed(router, secret)
        later = [texts for when, texts in followed[:-1] if when >= since]
        runs = [texts for _, texts in followed[-1:]]
        return [traffic_of(one["endpoints"]) for one in (*later, *runs)]
