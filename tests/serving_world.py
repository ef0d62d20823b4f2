"""A namespace with an endpoint: Deployments get Pods, Services get endpoints, routers follow files.

It carries plans out as the shell does, and keeps watch over what no plan may ever do.
"""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from comal_operator.core.conditions import timestamp
from comal_operator.core.names import LABEL_REVISION
from comal_operator.core.plan import (
    Action,
    Apply,
    Create,
    Delete,
    Manifest,
    Plan,
    Question,
    RouterVersions,
    Seen,
    Settings,
    WriteStatus,
)
from comal_operator.core.serving.acknowledgement import traffic_of
from comal_operator.core.serving.decide import plan_model_deployment
from comal_operator.core.serving.router import CONFIG_ANNOTATION
from make import NOON, SETTINGS, an_object

COMPONENT = "app.kubernetes.io/component"
Object = dict[str, Any]


def an_endpoint(**spec: Any) -> Object:
    """Return a ModelDeployment as the API server gives it back: with its defaults."""
    whole = {
        "model": {"name": "diabetes", "latest": True},
        "predictor": {"startupTimeout": "10m"},
        "replicas": 2,
        "limits": {"timeout": "30s"},
        "revisionHistoryLimit": 5,
        **spec,
    }
    rollout = {"drain": "15s", "bake": "30m", "deadline": "2h", **whole.get("rollout", {})}
    whole["rollout"] = rollout
    return an_object("ModelDeployment", "diabetes", spec=whole, status={"observedGeneration": -1})


@dataclass
class ServingWorld:
    """Objects by (kind, name), what each router runs, and the time."""

    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    refusals: dict[tuple[str, str], str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    """Version text of the endpoints that each router's Pod runs."""
    secret: str = ""
    """Version text of the endpoints in the Secret."""
    now: datetime = NOON
    settings: Settings = SETTINGS
    broken: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Model digests whose Pods never become ready, and (reason, message) of their end."""
    lazy: bool = False
    """Whether kubelets leave routers' files as they are, told or not."""
    silent: set[str] = field(default_factory=set)
    """Routers that do not answer."""
    written: list[Action] = field(default_factory=list)
    serial: int = 1

    # --- what the operator does -----------------------------------------------------------------

    def add(self, *manifests: Object) -> ServingWorld:
        """Put objects there that the operator did not make."""
        for manifest in manifests:
            self.objects[manifest["kind"], manifest["metadata"]["name"]] = manifest
        return self

    @property
    def mdep(self) -> Object:
        return self.objects["ModelDeployment", "diabetes"]

    @property
    def status(self) -> Any:
        return self.mdep.get("status") or {}

    def condition(self, kind: str) -> Any:
        found = [one for one in self.status.get("conditions", ()) if one["type"] == kind]
        return found[0] if found else {"status": "absent", "reason": "", "message": ""}

    def edit(self, **spec: Any) -> None:
        """Change the spec as a person does."""
        meta = self.mdep["metadata"]
        meta["generation"] += 1
        meta["resourceVersion"] = self._next()
        self.mdep["spec"].update(copy.deepcopy(spec))

    def plan(self, *, asked: bool = False) -> Plan:
        """Decide once; with the routers' answers if they were `asked`."""
        answers: dict[Question, Any] = {}
        if asked:
            for pod in self.routers():
                question = RouterVersions(pod["metadata"]["name"], pod["status"].get("podIP", ""))
                answers[question] = self._answer(pod["metadata"]["name"])
        seen = Seen(copy.deepcopy(self.objects), answers, dict(self.refusals))
        plan = plan_model_deployment(
            copy.deepcopy(self.mdep), seen, now=self.now, settings=self.settings
        )
        return self.plan(asked=True) if plan.questions and not asked else plan

    def step(self) -> Plan:
        """Carry out the first action of one plan."""
        plan = self.plan()
        if plan.actions:
            self.carry_out(plan.actions[0])
        return plan

    def look(self) -> Plan:
        """Carry out first actions until none is left; return the last plan."""
        for _ in range(100):
            plan = self.step()
            if not plan.actions:
                return plan
        raise AssertionError(f"never comes to rest: {plan.actions[0]}")

    def settle(self, seconds: float = 0) -> Plan:
        """Let cluster and operator go on by turns until nothing moves, or for `seconds`."""
        end = self.now + timedelta(seconds=seconds)
        for _ in range(2000):
            self.controllers()
            before = len(self.written)
            plan = self.look()
            self.controllers()
            if len(self.written) > before:
                continue
            again = plan.requeue_after
            if again is None or (not seconds and again > timedelta(seconds=2)):
                return plan
            if seconds and self.now + again > end:
                self.now = end
                return self.look()
            self.now += again
        raise AssertionError("never settles")

    # --- what the API server does ---------------------------------------------------------------

    def carry_out(self, action: Action) -> None:
        """Do what the API server would, and judge it."""
        self.written.append(action)
        match action:
            case Create(manifest):
                key = (manifest["kind"], manifest["metadata"]["name"])
                assert key not in self.objects, f"{key} is there"
                self._apply(manifest)
            case Apply(manifests):
                kinds = {one["kind"] for one in manifests}
                has_scale = any(
                    LABEL_REVISION in one["metadata"].get("labels", {}) for one in manifests
                )
                assert not ("Secret" in kinds and has_scale), "a share and a scale in one write"
                for manifest in manifests:
                    self._apply(manifest)
            case Delete(ref, uid):
                there = self.objects.pop((ref.kind, ref.name))
                assert there["metadata"]["uid"] == uid
                self._judge_removal(there, 0)
            case WriteStatus(ref, version, status):
                old = self.objects[ref.kind, ref.name]
                assert old["metadata"]["resourceVersion"] == version
                self._judge_shares(old.get("status") or {}, status)
                assert json.dumps(old["status"], sort_keys=True) != json.dumps(
                    status, sort_keys=True
                ), "a status that says nothing new"
                old["metadata"]["resourceVersion"] = self._next()
                old["status"] = copy.deepcopy(dict(status))

    def _next(self) -> str:
        self.serial += 1
        return str(self.serial)

    def _apply(self, manifest: Manifest) -> None:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        if kind == "Secret":
            file = base64.b64decode(manifest["data"]["endpoints.json"])
            self.secret = json.loads(file)["version_info"]
            shares = traffic_of(self.secret).values()
            assert not shares or sum(map(Decimal, shares)) == 100, self.secret
            return
        new = copy.deepcopy(dict(manifest))
        old = self.objects.get((kind, name))
        if old is None:
            assert kind != "Pod", "a Pod made by touching it"
            new["metadata"] |= {"uid": f"uid-{self._next()}", "generation": 1}
            if kind == "Service":
                new["spec"]["clusterIP"] = f"10.96.0.{self.serial % 250}"
        else:
            if kind == "Deployment" and new["spec"]["replicas"] == 0:
                self._judge_removal(old, 0)
            changed = any(old.get(key) != new[key] for key in new if key != "metadata")
            annotations = {
                **(old["metadata"].get("annotations") or {}),
                **(new["metadata"].get("annotations") or {}),
            }
            meta = {**old["metadata"], **new["metadata"], "annotations": annotations}
            meta["generation"] = old["metadata"].get("generation", 1) + changed
            new = {**old, **new, "metadata": meta}
            if kind == "Service":
                new["spec"]["clusterIP"] = old["spec"]["clusterIP"]
        new["metadata"]["resourceVersion"] = self._next()
        self.objects[kind, name] = new

    def _judge_removal(self, deployment: Object, replicas: int) -> None:
        revision = (deployment["metadata"].get("labels") or {}).get(LABEL_REVISION)
        if deployment["kind"] != "Deployment" or revision is None or replicas:
            return
        if not deployment["spec"]["replicas"]:
            return
        for pod in self.routers():
            name = pod["metadata"]["name"]
            assert revision not in traffic_of(self.runs[name]), f"{revision} still has {name}"

    def _judge_shares(self, old: Manifest, new: Manifest) -> None:
        """A share rises only for what is available, and only when all routers have the last one."""
        candidate = (new.get("candidate") or {}).get("revision")
        if candidate is None or "weight" not in new:
            return
        same = (old.get("candidate") or {}).get("revision") == candidate
        before = Decimal(old.get("weight", "-1")) if same else Decimal(-1)
        if Decimal(new["weight"]) <= before:
            return
        assert self.is_available(candidate), f"{candidate} is not available"
        is_warm = bool((new["candidate"]).get("warm"))
        if "stable" in new and not is_warm and Decimal(new["weight"]) > 0:
            for pod in self.routers():
                running = traffic_of(self.runs[pod["metadata"]["name"]])
                assert running.get(candidate) == old["weight"], (running, old, new)

    # --- what the rest of the cluster does ------------------------------------------------------

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
        for deployment in self.deployments():
            self._replicate(deployment)
        names = {one["metadata"]["name"] for one in self.deployments()}
        for pod in self.pods():
            if pod["metadata"]["deployment"] not in names:
                self.delete_pod(pod)
        self.publish()
        for pod in self.pods(component="router"):
            told = (pod["metadata"].get("annotations") or {}).get(CONFIG_ANNOTATION)
            if told and not self.lazy:
                self.runs[pod["metadata"]["name"]] = self.secret

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

    def _answer(self, pod: str) -> dict[str, str] | None:
        if pod in self.silent:
            return None
        return {"endpoints": self.runs[pod], "clusters": "c"} if self.runs.get(pod) else {}


def _is_ready(pod: Object) -> bool:
    return any(
        one["type"] == "Ready" and one["status"] == "True"
        for one in pod["status"].get("conditions", ())
    )
