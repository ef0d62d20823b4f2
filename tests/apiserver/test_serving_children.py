"""A rollout against a real API server: children it takes, a status it keeps, and then silence.

Deployments, endpoints and Pods are what nobody but this test moves here; all writes are the plan's.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from apiserver.server import Client
from comal_operator.core.names import LABEL_REVISION
from comal_operator.core.plan import (
    Action,
    Apply,
    Create,
    CreateCredentials,
    Delete,
    Plan,
    Question,
    RouterVersions,
    Seen,
    WriteStatus,
)
from comal_operator.core.serving.counters import Reading
from comal_operator.core.serving.decide import plan_model_deployment
from comal_operator.shell.credentials import with_credentials
from make import NOON, SETTINGS, a_version

pytestmark = pytest.mark.apiserver

PLURALS = {
    "ControllerRevision": "apis/apps/v1/namespaces/{}/controllerrevisions",
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "EndpointSlice": "apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    "HorizontalPodAutoscaler": "apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "Job": "apis/batch/v1/namespaces/{}/jobs",
    "ModelDeployment": "apis/comal.dev/v1alpha1/namespaces/{}/modeldeployments",
    "ModelVersion": "apis/comal.dev/v1alpha1/namespaces/{}/modelversions",
    "NetworkPolicy": "apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "Pod": "api/v1/namespaces/{}/pods",
    "PodDisruptionBudget": "apis/policy/v1/namespaces/{}/poddisruptionbudgets",
    "Secret": "api/v1/namespaces/{}/secrets",
    "Service": "api/v1/namespaces/{}/services",
    "ServiceAccount": "api/v1/namespaces/{}/serviceaccounts",
}
SPEC = {
    "model": {"name": "diabetes", "latest": True},
    "replicas": 1,
    "predictor": {
        "env": [{"name": "A", "value": ""}, {"name": "B", "value": "b"}],
        "resources": {"requests": {"cpu": 1, "memory": "128Mi"}, "limits": {"memory": "1000Mi"}},
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "sku", "operator": "Equal", "value": "gpu"}],
    },
    "rollout": {"steps": [{"percent": "10", "for": "60s"}], "bake": "60s", "drain": "5s"},
}


class Endpoint:
    """One ModelDeployment on the server, and the parts of a cluster that it lacks."""

    def __init__(self, admin: Client, namespace: str, spec: Any = SPEC) -> None:
        self.admin, self.namespace = admin, namespace
        self.now: datetime = NOON
        self.writes = 0
        self.made: dict[tuple[str, str], dict[str, Any]] = {}
        self._post("ModelDeployment", {"metadata": {"name": "diabetes"}, "spec": spec})

    def _path(self, kind: str, name: str = "") -> str:
        return "/" + PLURALS[kind].format(self.namespace) + (f"/{name}" if name else "")

    def _post(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        group = PLURALS[kind].partition("/namespaces")[0].removeprefix("apis/")
        head = {"apiVersion": group.removeprefix("api/"), "kind": kind}
        return self.admin.post(self._path(kind), {**head, **body})

    def register(self, number: int) -> None:
        spec = a_version(number, digest="sha256:" + str(number) * 64)["spec"]
        self._post("ModelVersion", {"metadata": {"name": f"diabetes-v{number}"}, "spec": spec})

    def get(self, kind: str, name: str) -> dict[str, Any]:
        return self.admin.get(self._path(kind, name))

    def list(self, kind: str) -> list[dict[str, Any]]:
        answer = self.admin.get(self._path(kind))
        head = {"apiVersion": answer["apiVersion"], "kind": kind}
        return [{**head, **one} for one in answer["items"]]

    def plan(self, questions: Sequence[Question] = ()) -> Plan:
        kinds = [kind for kind in PLURALS if kind not in ("Secret", "ModelDeployment")]
        objects = {
            (kind, one["metadata"]["name"]): one for kind in kinds for one in self.list(kind)
        }
        answers = {question: self._answer(question) for question in questions}
        mdep = self.get("ModelDeployment", "diabetes")
        seen = Seen({**objects, **self.made}, answers)
        plan = plan_model_deployment(mdep, seen, now=self.now, settings=SETTINGS)
        unanswered = [one for one in plan.questions if one not in answers]
        return self.plan((*questions, *unanswered)) if unanswered else plan

    def _answer(self, question: Question) -> Any:
        """Be the router, which runs what it was given; nobody else has anything to say."""
        if not isinstance(question, RouterVersions):
            return None
        files = [one["data"] for one in self.list("Secret") if "endpoints.json" in one["data"]]
        endpoints = json.loads(base64.b64decode(files[0]["endpoints.json"]))
        told: dict[str, Any] = {"endpoints": endpoints["version_info"]}
        return {**told, "reading": Reading({})} if question.counters else told

    def settle(self) -> None:
        for _ in range(40):
            plan = self.plan()
            if plan.actions:
                self.writes += 1
                self._carry_out(plan.actions[0])
            elif not self.move():
                return
        raise AssertionError(f"never comes to rest: {plan.actions[0]}")

    def _carry_out(self, action: Action) -> None:
        match action:
            case Create(manifest):
                self.admin.post(self._path(manifest["kind"]), manifest)
            case CreateCredentials(manifest):
                kept = with_credentials(action)
                self.admin.post(self._path("Secret"), kept)
                self.made["Secret", manifest["metadata"]["name"]] = dict(manifest)
            case Apply(manifests, manager):
                for one in manifests:
                    path = self._path(one["kind"], one["metadata"]["name"])
                    self.admin.apply(path, one, manager)
            case Delete(ref):
                self.admin.delete(self._path(ref.kind, ref.name))
            case WriteStatus(ref, version, status):
                head = {"apiVersion": ref.api_version, "kind": ref.kind}
                meta = {"name": ref.name, "resourceVersion": version}
                body = {**head, "metadata": meta, "status": status}
                path = self._path(ref.kind, ref.name) + "/status"
                kept = self.admin.apply(path, body, "comal-operator")["status"]
                assert kept == status, "the schema keeps every field that the plan remembers"

    def move(self) -> bool:
        """Be the controllers, the kubelet and the endpoints' controller; tell if anything moved."""
        moved = False
        for deployment in self.list("Deployment"):
            meta, wanted = deployment["metadata"], deployment["spec"]["replicas"]
            if deployment.get("status", {}).get("availableReplicas", 0) != wanted:
                moved = True
                counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
                status = {**dict.fromkeys(counts, wanted), "observedGeneration": meta["generation"]}
                path = self._path("Deployment", meta["name"]) + "/status"
                self.admin.merge(path, {"status": status})
                self._start(deployment)
        return moved

    def _start(self, deployment: dict[str, Any]) -> None:
        meta = deployment["metadata"]
        if LABEL_REVISION in meta["labels"]:
            self._publish(meta)
            return
        marks = {"name": "router", "labels": meta["labels"]}
        pod = {**deployment["spec"]["template"]["spec"]}
        self._post("Pod", {"metadata": marks, "spec": pod})
        ready = [{"type": "Ready", "status": "True"}]
        status = {"phase": "Running", "podIP": "10.244.0.9", "conditions": ready}
        status["podIPs"] = [{"ip": "10.244.0.9"}]
        self.admin.merge(self._path("Pod", "router") + "/status", {"status": status})

    def _publish(self, meta: dict[str, Any]) -> None:
        if any(one["metadata"]["name"] == meta["name"] for one in self.list("EndpointSlice")):
            return
        marks = {**meta["labels"], "kubernetes.io/service-name": meta["name"]}
        body = {
            "metadata": {"name": meta["name"], "labels": marks},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.244.0.7"], "conditions": {"ready": True}}],
            "ports": [{"port": 8080}],
        }
        self._post("EndpointSlice", body)

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("ModelDeployment", "diabetes")["status"]
        return found

    def ready(self) -> str:
        [one] = [one for one in self.status["conditions"] if one["type"] == "Ready"]
        return str(one["reason"])

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.settle()


def test_a_rollout_from_the_first_apply_to_the_last_silence(admin: Client, namespace: str) -> None:
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    admin.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": restricted}})
    endpoint = Endpoint(admin, namespace)
    endpoint.settle()
    assert endpoint.ready() == "ModelNotFound"

    endpoint.register(1)
    endpoint.settle()
    assert endpoint.ready() == "Serving"
    assert endpoint.status["stable"]["modelVersion"] == "diabetes-v1"

    endpoint.register(2)
    endpoint.settle()
    assert (endpoint.status["weight"], endpoint.status["step"]) == ("10", "1/2")
    endpoint.wait(61)
    assert endpoint.ready() == "Baking"
    endpoint.wait(61)
    assert endpoint.ready() == "Serving"
    endpoint.wait(6)
    former = [one for one in endpoint.list("Deployment") if one["spec"]["replicas"] == 0]
    assert len(former) == 1

    before = endpoint.writes
    endpoint.wait(3600)
    assert endpoint.writes == before, "an hour later there is nothing to write"

    for child in endpoint.list("Deployment"):
        takes_pod(endpoint, child)


def takes_pod(endpoint: Endpoint, child: dict[str, Any]) -> None:
    """Assert that the API server takes the Pods of `child`, every field of them."""
    pod = {**child["spec"]["template"]["spec"]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": pod}
    strict = {"dryRun": "All", "fieldValidation": "Strict"}
    status, answer = endpoint.admin.call("POST", endpoint._path("Pod"), body, **strict)
    assert status == 201, answer["message"]


def test_what_asks_for_a_tag_is_taken(admin: Client, namespace: str) -> None:
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    admin.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": restricted}})
    endpoint = Endpoint(admin, namespace, {**SPEC, "image": "myacr.azurecr.io/team/scorer:7"})
    endpoint.register(1)
    endpoint.settle()
    assert endpoint.ready() == "ResolvingImages"
    [job] = endpoint.list("Job")
    takes_pod(endpoint, job)
    before = endpoint.writes
    endpoint.wait(60)
    assert endpoint.writes == before, "nothing is said twice while a registry is asked"


def test_an_upgrade_changes_routers_alone(admin: Client, namespace: str) -> None:
    endpoint = Endpoint(admin, namespace)
    endpoint.register(1)
    endpoint.settle()
    before = {one["metadata"]["name"]: one for one in endpoint.list("Deployment")}
    newer = replace(SETTINGS, scorer_image="localhost/scorer:2", router_image="localhost/router:2")
    mdep = endpoint.get("ModelDeployment", "diabetes")
    kinds = [kind for kind in PLURALS if kind not in ("Secret", "ModelDeployment")]
    objects = {
        (kind, one["metadata"]["name"]): one for kind in kinds for one in endpoint.list(kind)
    }
    plan = plan_model_deployment(mdep, Seen(objects), now=endpoint.now, settings=newer)
    [action] = plan.actions
    assert isinstance(action, Apply)
    assert [one["metadata"]["name"] for one in action.manifests] == ["diabetes-router"]
    assert "diabetes-router" in before
