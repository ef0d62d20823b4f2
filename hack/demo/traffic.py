"""Callers in the cluster: a Pod that scores all the while, and what it saw."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.kubectl import Kubectl, Manifest, wait_for

CLIENT = Path(__file__).with_name("traffic_client.py")
CALLERS = {"comal.dev/callers": "true"}
RECORDS = "/records/requests.jsonl"


@dataclass(frozen=True)
class Call:
    """One request: when it was due (seconds since 1970), how long it took, what came back."""

    due: float
    milliseconds: float
    body: int
    """Which of the callers' bodies was sent."""
    code: int
    """0: there was no answer."""
    version: str
    """Model version that the answer names."""
    text: str


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

    def calls(self) -> list[Call]:
        """Return every request that has ended so far."""
        lines = self.kubectl.run("exec", self.name, "--", "cat", RECORDS).splitlines()
        # The last line may be half written.
        return [Call(*json.loads(line)) for line in lines if line.endswith("]")]

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
    body: str | Sequence[str],
    rate: float = 20,
    keys: str | None = None,
    slot: str = "primary",
    trusted: str = "",
) -> Traffic:
    """Start callers of `url` in the cluster, with a key from the Secret `keys`.

    They send one body, or several in turn; by https they believe the certificates `trusted`.
    Returns when they have begun.
    """
    bodies = [body] if isinstance(body, str) else list(body)
    environment = {
        "TARGET_URL": url,
        "TARGET_BODIES": json.dumps(bodies),
        "REQUESTS_PER_SECOND": str(rate),
        "TRUSTED": trusted,
    }
    plain = [{"name": key, "value": value} for key, value in environment.items()]
    reference = {"secretKeyRef": {"name": keys, "key": slot}}
    secret = [{"name": "TARGET_KEY", "valueFrom": reference}] if keys else []
    kubectl.apply(*_manifests(name, image, [*plain, *secret]))
    traffic = Traffic(kubectl, name)

    def ready() -> bool | None:
        phase = (kubectl.find("pod", name) or {}).get("status", {}).get("phase")
        return True if phase == "Running" and traffic.totals().sent else None

    wait_for(f"the first call of Pod {name}", ready, seconds=60)
    return traffic


def _manifests(name: str, image: str, env: list[Manifest]) -> tuple[Manifest, ...]:
    metadata: dict[str, Any] = {"name": name, "labels": {"app": name, **CALLERS}}
    script = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    container = {
        "name": "callers",
        "image": image,
        "command": ["python3", "-u", f"/script/{CLIENT.name}"],
        "env": env,
        "volumeMounts": [
            {"name": "script", "mountPath": "/script"},
            {"name": "records", "mountPath": str(Path(RECORDS).parent)},
        ],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
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
            "volumes": [
                {"name": "script", "configMap": {"name": name}},
                {"name": "records", "emptyDir": {"sizeLimit": "1Gi"}},
            ],
        },
    }
    return {**script, "data": {CLIENT.name: CLIENT.read_text()}}, pod
