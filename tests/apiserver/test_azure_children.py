"""What is made to call Azure is taken by a real API server, its Pods where they are restricted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from apiserver.server import Client
from apiserver.wrong_azure import GUID, mirrored
from apiserver.wrong_store import elsewhere
from azure_world import a_mirrored_registry, an_importing_world, end_import
from comal_operator.core.plan import Apply, Create, Manifest, Plan, Seen, WriteStatus
from comal_operator.core.registry.decide import plan_model_registry
from comal_operator.core.registry.version import plan_model_version
from make import NOON, SETTINGS, a_registry, a_version

pytestmark = pytest.mark.apiserver

_SETTINGS = replace(SETTINGS, azure_image="localhost/comal/azure:1")
_DELETING = {"deletionPolicy": "Delete"}
_PATHS = {
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Service": "/api/v1/namespaces/{}/services",
    "ModelVersion": "/apis/comal.dev/v1alpha1/namespaces/{}/modelversions",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "Pod": "/api/v1/namespaces/{}/pods",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
}


def _made(plan: Plan) -> list[dict[str, Any]]:
    found: list[Manifest] = []
    for action in plan.actions:
        if isinstance(action, Apply):
            found += [one for one in action.manifests if one["metadata"]["name"].endswith("azure")]
        if isinstance(action, Create):
            found.append(action.manifest)
    return [dict(one) for one in found]


@pytest.mark.parametrize("kind", ["workloadIdentity", "secretRef"])
def test_every_child_is_taken(admin: Client, namespace: str, kind: str) -> None:
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    admin.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": restricted}})
    credential = {"workloadIdentity": {"clientId": GUID}, "secretRef": {"name": "principal"}}
    azure = mirrored(credential={kind: credential[kind]})["spec"]["azureML"]
    registry = a_registry()
    azure |= {"proxy": {"url": "http://proxy:3128"}, "caBundle": {"configMap": "company"}}
    registry["spec"]["azureML"] = azure
    looked = plan_model_registry(registry, Seen(), now=NOON, settings=_SETTINGS)
    [status] = [dict(one.status) for one in looked.actions if isinstance(one, WriteStatus)]
    status["azureML"] = {**status["azureML"], "done": True}
    seen = Seen({("ModelRegistry", "default"): {**registry, "status": status}})
    version = a_version(1)
    seen = replace(seen, objects={**seen.objects, ("ModelVersion", "diabetes-v1"): version})
    recorded = plan_model_version(version, seen, now=NOON, settings=_SETTINGS)
    registry = {**registry, "spec": {**registry["spec"], "azureML": {**azure, **_DELETING}}}
    late = Seen({("ModelVersion", "diabetes-v2"): a_version(2)})
    looking = {**registry, "status": status}
    deleted = plan_model_registry(looking, late, now=NOON, settings=_SETTINGS)

    kinds = []
    jobs = [one for one in _made(deleted) if one["kind"] == "Job"]
    for child in [*_made(looked), *_made(recorded), *jobs]:
        _take(admin, namespace, child)
        kinds.append(child["kind"])
        if child["kind"] == "Job":
            template = child["spec"]["template"]
            pod = {"apiVersion": "v1", "kind": "Pod", **template}
            pod["metadata"] = {"name": "p", **template["metadata"]}
            _take(admin, namespace, pod)
    assert kinds == ["ServiceAccount", "NetworkPolicy", "Job", "Job", "Job"]


@pytest.mark.parametrize("kind", ["workloadIdentity", "secretRef"])
def test_an_import_is_taken_and_what_comes_of_it(admin: Client, namespace: str, kind: str) -> None:
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    admin.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": restricted}})
    credential = {"workloadIdentity": {"clientId": GUID}, "secretRef": {"name": "principal"}}
    world = an_importing_world(registry=a_mirrored_registry({kind: credential[kind]}))
    account = world.objects["ServiceAccount", "comal-registry-default-azure"]
    _take(admin, namespace, dict(account))
    world.look("ModelDeployment", "diabetes")
    [job] = world.jobs
    template = job["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] = {"name": "p", **template["metadata"]}
    for child in (dict(job), pod):
        _take(admin, namespace, child)
    end_import(world)
    world.look("ModelDeployment", "diabetes")
    [version] = world.versions
    made = {**version, "metadata": {**version["metadata"], "namespace": namespace}}
    _take(admin, namespace, made)


@pytest.mark.parametrize("kind", ["workloadIdentity", "secretRef", "loginSecretRef"])
def test_a_gateway_is_taken(admin: Client, namespace: str, kind: str) -> None:
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    admin.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": restricted}})
    credential = {
        "workloadIdentity": {"clientId": GUID},
        "secretRef": {"name": "principal"},
        "loginSecretRef": {"name": "token"},
    }
    registry = elsewhere(
        credential={kind: credential[kind]},
        proxy={"url": "http://proxy:3128"},
        caBundle={"configMap": "company"},
    )
    looked = plan_model_registry(
        {**a_registry(), "spec": registry["spec"]}, Seen(), now=NOON, settings=_SETTINGS
    )
    [applied] = [one for one in looked.actions if isinstance(one, Apply)]
    kinds = []
    for child in applied.manifests:
        _take(admin, namespace, dict(child))
        kinds.append(child["kind"])
        if child["kind"] == "Deployment":
            template = child["spec"]["template"]
            pod = {"apiVersion": "v1", "kind": "Pod", **template}
            pod["metadata"] = {"name": "p", **template["metadata"]}
            _take(admin, namespace, pod)
    assert kinds == ["ServiceAccount", "NetworkPolicy", "Deployment", "Service"]
    # The status fits the schema as well.
    made = admin.post(f"/apis/comal.dev/v1alpha1/namespaces/{namespace}/modelregistries", registry)
    [status] = [dict(one.status) for one in looked.actions if isinstance(one, WriteStatus)]
    where = f"/apis/comal.dev/v1alpha1/namespaces/{namespace}/modelregistries/default/status"
    code, answer = admin.call("PUT", where, {**made, "status": status})
    assert code == 200, answer


def _take(admin: Client, namespace: str, body: dict[str, Any]) -> None:
    kept = {key: body["metadata"][key] for key in ("name", "labels", "annotations")
            if key in body["metadata"]}  # fmt: skip
    where = _PATHS[body["kind"]].format(namespace)
    # A Pod needs its account to be there.
    dry = {} if body["kind"] == "ServiceAccount" else {"dryRun": "All"}
    status, answer = admin.call(
        "POST", where, {**body, "metadata": kept}, fieldValidation="Strict", **dry
    )
    assert status == 201, answer["message"]
