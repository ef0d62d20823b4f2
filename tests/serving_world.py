"""A namespace with an endpoint, and an operator that carries out its plans as the shell does.

It keeps watch over what no plan may ever do.
"""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from comal_operator.core.conditions import timestamp
from comal_operator.core.names import FIELD_MANAGER, LABEL_REVISION
from comal_operator.core.plan import (
    Action,
    Apply,
    Create,
    CreateCredentials,
    Credentials,
    Delete,
    Manifest,
    Plan,
    Question,
    RouterVersions,
    Seen,
    WriteStatus,
)
from comal_operator.core.serving.acknowledgement import traffic_of
from comal_operator.core.serving.decide import plan_model_deployment
from make import an_object
from serving_cluster import Object, ServingCluster

_SOURCES = ("endpoints", "mirror", "clusters", "routes", "listeners")


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


def _traffic(status: Manifest) -> dict[str, str]:
    listed = status.get("traffic", ())
    return {one["revision"]: one["percent"] for one in listed if "percent" in one}


@dataclass
class ServingWorld(ServingCluster):
    """The cluster with its API server and the operator."""

    refusals: dict[tuple[str, str], str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    """Routers that do not answer."""
    written: list[Action] = field(default_factory=list)
    key_secrets: list[str] = field(default_factory=list)
    """Secrets with new keys of callers, in the order of their making."""
    shown: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    """What one pass made and can never read."""
    scaled_by_others: set[str] = field(default_factory=set)
    """Deployments whose `replicas` the operator does not own."""

    # --- what the operator does -----------------------------------------------------------------

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
                name, ip = pod["metadata"]["name"], pod["status"].get("podIP", "")
                for counters in (False, True):
                    answers[RouterVersions(name, ip, counters)] = self._answer(name, counters)
        seen = Seen({**self.objects, **self.shown}, answers, dict(self.refusals))
        plan = plan_model_deployment(self.mdep, seen, now=self.now, settings=self.settings)
        return self.plan(asked=True) if plan.questions and not asked else plan

    def step(self) -> Plan:
        """Carry out the first action of one plan."""
        plan = self.plan()
        if plan.actions:
            self.carry_out(plan.actions[0])
        return plan

    def look(self) -> Plan:
        """Carry out first actions until none is left; return the last plan."""
        self.shown = {}
        for _ in range(100):
            plan = self.step()
            if not plan.actions:
                return plan
        raise AssertionError(f"never comes to rest: {plan.actions[0]}")

    def settle(self, seconds: float = 0) -> Plan:
        """Let cluster and operator go on by turns until nothing moves, or for `seconds`."""
        end, quiet = self.now + timedelta(seconds=seconds), 0
        for _ in range(3000):
            self.controllers()
            before = len(self.written)
            plan = self.look()
            self.controllers()
            quiet = 0 if len(self.written) > before else quiet + 1
            if not quiet:
                continue
            again = plan.requeue_after
            # While a candidate is watched somebody looks each second, and mostly sees nothing new.
            if again is None or (not seconds and (again > timedelta(seconds=2) or quiet > 5)):
                return plan
            if quiet > 8:
                again = max(again, timedelta(seconds=10 if quiet < 40 else 60))
            if seconds and self.now + again > end:
                self.now = end
                for _ in range(3):
                    self.look()
                    self.controllers()
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
                    self._apply(manifest, action.manager)
            case CreateCredentials(manifest, Credentials.KEYS):
                self.key_secrets.append(manifest["metadata"]["name"])
                self.shown["Secret", manifest["metadata"]["name"]] = manifest
            case Delete(ref, uid):
                there = self.objects.pop((ref.kind, ref.name))
                self.shown.pop((ref.kind, ref.name), None)
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

    def _apply(self, manifest: Manifest, manager: str = FIELD_MANAGER) -> None:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        if kind == "Secret":
            texts = {
                name.removesuffix(".json"): json.loads(base64.b64decode(data))
                for name, data in manifest["data"].items()
            }
            found = {name: one["version_info"] for name, one in texts.items() if name in _SOURCES}
            self.secret = found.pop("endpoints")
            self.others = found
            shares = traffic_of(self.secret).values()
            assert not shares or sum(map(Decimal, shares)) == 100, self.secret
            return
        new = copy.deepcopy(dict(manifest))
        old = self.objects.get((kind, name))
        if old is None:
            assert kind != "Pod", "a Pod made by touching it"
            new["metadata"] |= {"uid": f"uid-{self._next()}", "generation": 1}
            new["metadata"]["creationTimestamp"] = timestamp(self.now)
            if kind == "Service":
                new["spec"]["clusterIP"] = f"10.96.0.{self.serial % 250}"
        else:
            if kind == "Deployment":
                self._fill_in(new, old, manager)
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

    def _fill_in(self, new: Object, old: Object, manager: str) -> None:
        """Do to `spec.replicas` what the API server does to a field by who owns it."""
        if manager != FIELD_MANAGER:
            new["spec"] = {**old["spec"], **new["spec"]}
            self.scaled_by_others.add(new["metadata"]["name"])
        elif "replicas" in new["spec"]:
            self.scaled_by_others.discard(new["metadata"]["name"])
        else:
            kept = new["metadata"]["name"] in self.scaled_by_others
            assert kept, "the API server would put replicas back to 1"
            new["spec"]["replicas"] = old["spec"]["replicas"]

    def _judge_removal(self, deployment: Object, replicas: int) -> None:
        revision = (deployment["metadata"].get("labels") or {}).get(LABEL_REVISION)
        if deployment["kind"] != "Deployment" or revision is None or replicas:
            return
        if not deployment["spec"]["replicas"]:
            return
        for pod in self.routers():
            name = pod["metadata"]["name"]
            assert revision not in traffic_of(self.runs[name]), f"{revision} still has {name}"

    def _judge_variants(self, old: Manifest, new: Manifest) -> None:
        """A variant's share rises only for what is available and what every router knows."""
        before, after = _traffic(old), _traffic(new)
        for one in new.get("variants", ()):
            revision = one.get("serving", {}).get("revision", "")
            is_lost = not before
            if is_lost or Decimal(after.get(revision, "0")) <= Decimal(before.get(revision, "0")):
                continue
            assert self.is_available(revision), f"{revision} of {one['name']} is not available"
            for pod in self.routers():
                running = traffic_of(self.runs[pod["metadata"]["name"]])
                assert revision in running, (running, old, new)

    def _judge_shares(self, old: Manifest, new: Manifest) -> None:
        """A share rises only for what is available, and only when all routers have the last one."""
        self._judge_variants(old, new)
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
                assert running.get(candidate) == _traffic(old)[candidate], (running, old, new)

    def _answer(self, pod: str, counters: bool) -> dict[str, Any] | None:
        if pod in self.silent:
            return None
        versions = {"endpoints": self.runs[pod]} if self.runs.get(pod) else {}
        versions |= self.runs_others.get(pod, {})
        return {**versions, "reading": self.reading(pod)} if counters else versions
