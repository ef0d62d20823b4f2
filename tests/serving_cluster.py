"""The rest of a cluster: Deployments get Pods, Services endpoints, routers follow files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

from comal_operator.core.conditions import timestamp
from comal_operator.core.names import LABEL_REVISION
from comal_operator.core.plan import Settings
from comal_operator.core.serving.counters import Counters, Reading
from comal_operator.core.serving.router import CONFIG_ANNOTATION
from make import NOON, SETTINGS, an_object

COMPONENT = "app.kubernetes.io/component"
Object = dict[str, Any]


@dataclass
class ServingCluster:
    """Objects by (kind, name), what each router runs, and the time."""

    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    """Version text of the endpoints that each router's Pod runs."""
    secret: str = ""
    """Version text of the endpoints in the Secret."""
    others: dict[str, str] = field(default_factory=dict)
    """Version texts of the other files in the Secret, by source."""
    runs_others: dict[str, dict[str, str]] = field(default_factory=dict)
    """The same as each router's Pod runs them."""
    now: datetime = NOON
    settings: Settings = SETTINGS
    broken: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Model digests whose Pods never become ready, and (reason, message) of their end."""
    load: dict[str, int] = field(default_factory=dict)
    """Pods that the autoscaler of that name would like."""
    counts: dict[tuple[str, str], Counters] = field(default_factory=dict)
    """What each router's Pod has counted of each revision."""
    lazy: bool = False
    """Whether kubelets leave routers' files as they are, told or not."""
    serial: int = 1

    def add(self, *manifests: Object) -> Self:
        """Put objects there that the operator did not make."""
        for manifest in manifests:
            self.objects[manifest["kind"], manifest["metadata"]["name"]] = manifest
        return self

    def deployments(self) -> list[Object]:
        return [one for (kind, _), one in sorted(self.objects.items()) if kind == "Deployment"]

    def pods(self, **marks: str) -> list[Object]:
        wanted = {COMPONENT if key == "component" else key: v for key, v in marks.items()}
        return [
            one
            for (kind, _), one in sorted(self.objects.items())
            if kind == "Pod" and wanted.items() <= one["metadata"]["labels"].items()
        ]

    def routers(self) -> list[Object]:
        return [one for one in self.pods(component="router") if _is_ready(one)]

    def of_revision(self, revision: str) -> Object:
        return self.objects["Deployment", f"diabetes-{revision}"]

    def is_available(self, revision: str) -> bool:
        found = self.objects.get(("Deployment", f"diabetes-{revision}"))
        wanted = found["spec"]["replicas"] if found else 0
        return bool(
            found and wanted and (found.get("status") or {}).get("availableReplicas", 0) >= wanted
        )

    def controllers(self) -> None:
        """Let everything but the operator catch up."""
        self._autoscale()
        for deployment in self.deployments():
            self._replicate(deployment)
        names = {one["metadata"]["name"] for one in self.deployments()}
        for pod in self.pods():
            if pod["metadata"]["deployment"] not in {*names, "gone"}:
                self.delete_pod(pod)
        self.publish()
        for pod in self.pods(component="router"):
            told = (pod["metadata"].get("annotations") or {}).get(CONFIG_ANNOTATION)
            if told and not self.lazy:
                self.runs[pod["metadata"]["name"]] = self.secret
                self.runs_others[pod["metadata"]["name"]] = self.others

    def _autoscale(self) -> None:
        for (kind, name), one in self.objects.items():
            deployment = self.objects.get(("Deployment", name))
            if kind != "HorizontalPodAutoscaler" or deployment is None:
                continue
            scale, bounds = deployment["spec"], one["spec"]
            if scale["replicas"]:
                wanted = self.load.get(name, scale["replicas"])
                scale["replicas"] = min(max(wanted, bounds["minReplicas"]), bounds["maxReplicas"])

    def _replicate(self, deployment: Object) -> None:
        name, wanted = deployment["metadata"]["name"], deployment["spec"]["replicas"]
        mine = [one for one in self.pods() if one["metadata"]["deployment"] == name]
        for _ in range(wanted - len(mine)):
            self._make_pod(deployment)
        for pod in mine[wanted:]:
            self.delete_pod(pod)
        mine = [one for one in self.pods() if one["metadata"]["deployment"] == name]
        ready = sum(_is_ready(one) for one in mine)
        old = deployment.get("status") or {}
        available = "True" if ready >= wanted else "False"
        before = (old.get("conditions") or [{}])[0]
        since = before.get("lastTransitionTime")
        if before.get("status") != available or since is None:
            since = timestamp(self.now)
        condition = {"type": "Available", "status": available, "lastTransitionTime": since}
        deployment["status"] = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": len(mine),
            "updatedReplicas": len(mine),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "conditions": [condition],
        }

    def _make_pod(self, deployment: Object) -> None:
        serial = self._next()
        template = deployment["spec"]["template"]
        name = f"{deployment['metadata']['name']}-{serial}"
        pod = an_object("Pod", name, api="v1", status={"phase": "Running"})
        pod["metadata"]["labels"] = dict(template["metadata"]["labels"])
        pod["metadata"]["deployment"] = deployment["metadata"]["name"]
        pod["status"]["podIP"] = f"10.244.0.{int(serial) % 250}"
        if pod["metadata"]["labels"][COMPONENT] == "router":
            self.runs[name] = self.secret
            self.runs_others[name] = self.others
        self.add(pod)
        self.set_ready(pod, ready=True)
        init = template["spec"].get("initContainers", [{}])[0].get("args", [])
        for digest, (reason, message) in self.broken.items():
            if digest in init:
                self.set_ready(pod, ready=False)
                said = json.dumps({"reason": reason, "message": message})
                ended = {"terminated": {"exitCode": 1, "message": said}}
                pod["status"]["initContainerStatuses"] = [
                    {"name": "fetch", "ready": False, "state": ended}
                ]

    def set_ready(self, pod: Object, *, ready: bool) -> None:
        pod["status"]["conditions"] = [{"type": "Ready", "status": str(ready)}]

    def serve(self, revision: str, requests: int, errors: int = 0, milliseconds: float = 5) -> None:
        """Let each router send requests to a revision; so many of them fail."""
        for pod in self.routers():
            key = (pod["metadata"]["name"], revision)
            more = Counters(requests, errors, {milliseconds: requests})
            self.counts[key] = self.counts.get(key, Counters()) + more

    def reading(self, router: str) -> Reading:
        """Return what a router has counted."""
        return Reading({name: one for (pod, name), one in self.counts.items() if pod == router})

    def recover(self) -> None:
        """Make every Pod ready again that has no reason not to be."""
        for pod in self.pods():
            if "initContainerStatuses" not in pod["status"]:
                self.set_ready(pod, ready=True)

    def wait(self, seconds: float) -> None:
        """Let time pass while nobody looks."""
        self.now += timedelta(seconds=seconds)

    def upgrade(self) -> None:
        """Let a newer operator take over, with images of its own."""
        self.settings = replace(self.settings, scorer_image=f"localhost/scorer:{self._next()}")

    def delete_pod(self, pod: Object) -> None:
        self.objects.pop(("Pod", pod["metadata"]["name"]), None)
        self.runs.pop(pod["metadata"]["name"], None)
        self.runs_others.pop(pod["metadata"]["name"], None)

    def publish(self) -> None:
        """Write the EndpointSlices of the revisions' Services."""
        for (kind, name), service in list(self.objects.items()):
            revision = service["metadata"].get("labels", {}).get(LABEL_REVISION)
            if kind != "Service" or revision is None:
                continue
            piece = an_object("EndpointSlice", f"{name}-x", api="discovery.k8s.io/v1")
            piece["metadata"]["labels"] = {
                **service["metadata"]["labels"],
                "kubernetes.io/service-name": name,
            }
            piece["endpoints"] = [
                {
                    "addresses": [pod["status"]["podIP"]],
                    "conditions": {"ready": _is_ready(pod), "terminating": False},
                }
                for pod in self.pods(**{LABEL_REVISION: revision})
            ]
            self.add(piece)

    def _next(self) -> str:
        self.serial += 1
        return str(self.serial)


def _is_ready(pod: Object) -> bool:
    return any(
        one["type"] == "Ready" and one["status"] == "True"
        for one in pod["status"].get("conditions", ())
    )
