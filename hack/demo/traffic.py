"""Callers in the cluster: a Pod that scores all the while, and what it saw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.kubectl import Kubectl, Manifest, wait_for

CLIENT = Path(__file__).with_name("traffic_client.py")


@dataclass(frozen=True)
class Totals:
    """What the callers have seen so far; `versions` counts answers by model version."""

    sent: int
    answered: int
    lost: int
    versions: Mapping[str, int]
    failures: tuple[str, ...]

    @classmethod
    def of(cls, line: str) -> Totals:
        """Return the totals that one line of the Pod's log holds."""
        seen = json.loads(line)
        versions = {
            key.partition(":")[2]: count
            for key, count in seen.items()
            if key.startswith("version:")
        }
        return cls(
            sent=seen.get("sent", 0),
            answered=seen.get("answered", 0),
            lost=seen.get("lost", 0),
            versions=versions,
            failures=tuple(seen.get("failures", ())),
        )

    def since(self, before: Totals) -> Totals:
        """Return what happened after `before`."""
        return Totals(
            sent=self.sent - before.sent,
            answered=self.answered - before.answered,
            lost=self.lost - before.lost,
            versions={k: n - before.versions.get(k, 0) for k, n in self.versions.items()},
            failures=self.failures[len(before.failures) :],
        )


@dataclass(frozen=True)
class Traffic:
    """A Pod of callers that run until the Pod is deleted."""

    kubectl: Kubectl
    name: str

    def totals(self) -> Totals:
        """Return the newest totals; waits for the first ones."""

        def look() -> Totals | None:
            lines = self.kubectl.run("logs", self.name, "--tail", "1").strip().splitlines()
            return Totals.of(lines[-1]) if lines else None

        return wait_for(f"a line of Pod {self.name}", look, seconds=30)

    def stop(self) -> Totals:
        """End the callers and return what they saw in all."""
        totals = self.totals()
        self.kubectl.run("delete", "pod,configmap", self.name, "--wait=false", "--grace-period=1")
        return totals


def start_traffic(
    kubectl: Kubectl,
    name: str,
    *,
    image: str,
    url: str,
    body: str,
    rate: float = 20,
    keys: str | None = None,
) -> Traffic:
    """Start callers of `url` in the cluster, with a key from the Secret `keys`.

    Returns when they have begun.
    """
    kubectl.apply(*_manifests(name, image=image, url=url, body=body, rate=rate, keys=keys))

    def ready() -> bool | None:
        pod = kubectl.find("pod", name) or {}
        return True if pod.get("status", {}).get("phase") == "Running" else None

    wait_for(f"Pod {name} running", ready, seconds=60)
    return Traffic(kubectl, name)


def _manifests(
    name: str, *, image: str, url: str, body: str, rate: float, keys: str | None
) -> tuple[Manifest, ...]:
    metadata: dict[str, Any] = {"name": name, "labels": {"app": name}}
    script = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    environment = {"TARGET_URL": url, "TARGET_BODY": body, "REQUESTS_PER_SECOND": str(rate)}
    reference = {"secretKeyRef": {"name": keys, "key": "primary"}}
    key = [{"name": "TARGET_KEY", "valueFrom": reference}] if keys else []
    container = {
        "name": "callers",
        "image": image,
        "command": ["python3", "-u", "/script/traffic_client.py"],
        "env": [*({"name": key, "value": value} for key, value in environment.items()), *key],
        "volumeMounts": [{"name": "script", "mountPath": "/script"}],
        "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": "script", "configMap": {"name": name}}],
        },
    }
    return {**script, "data": {CLIENT.name: CLIENT.read_text()}}, pod
