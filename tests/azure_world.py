"""A registry that names a workspace and its versions, looked at with the core alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from comal_operator.core.conditions import find
from comal_operator.core.plan import (
    Apply,
    Create,
    CreateCredentials,
    Manifest,
    Plan,
    Seen,
    Settings,
    WriteStatus,
)
from comal_operator.core.registry.decide import plan_model_registry
from comal_operator.core.registry.version import plan_model_version
from comal_operator.core.serving.decide import plan_model_deployment
from comal_trainer.contract import Converted, JobError, Registered, Signature, Tensor
from comal_trainer.contract.azure import AzureAnswer
from make import (
    DIGEST,
    NOON,
    SETTINGS,
    a_pod,
    a_registry,
    an_ended_pod,
    conditions,
    ended_job,
    owned,
)
from serving_world import an_endpoint

GUID = "33333333-3333-3333-3333-333333333333"
WORKSPACE = (
    f"/subscriptions/{GUID}/resourceGroups/ml-group"
    "/providers/Microsoft.MachineLearningServices/workspaces/ml"
)
RECORD = f"{WORKSPACE}/models/diabetes/versions/2"
CSV = "sha256:" + "c" * 64
IDENTITY = {"workloadIdentity": {"clientId": GUID}}
SECRET = {"secretRef": {"name": "principal"}}
_DECISIONS = {
    "ModelDeployment": plan_model_deployment,
    "ModelRegistry": plan_model_registry,
    "ModelVersion": plan_model_version,
}
WITH_IMAGE = replace(SETTINGS, azure_image="localhost/comal/azure:1")


def a_mirrored_registry(credential: Any = None, **azure: Any) -> dict[str, Any]:
    """Return a registry that names a workspace."""
    registry = a_registry()
    registry["spec"]["azureML"] = {
        "subscriptionId": GUID,
        "resourceGroup": "ml-group",
        "workspace": "ml",
        "credential": credential or IDENTITY,
        **azure,
    }
    return registry


class World:
    """One registry and its versions, looked at until nothing more is asked."""

    def __init__(self, registry: Manifest, *versions: Manifest) -> None:
        self.settings: Settings = WITH_IMAGE
        self.now: datetime = NOON
        self.objects: dict[tuple[str, str], Manifest] = {}
        self.created: list[Manifest] = []
        for one in (registry, *versions):
            self.put(one)

    def put(self, thing: Manifest) -> None:
        self.objects[(thing["kind"], thing["metadata"]["name"])] = thing

    def look(self, kind: str, name: str) -> Plan:
        """Carry out what a look asks for, and return what the next one would."""
        for _ in range(5):
            plan = self._plan(kind, name)
            if not plan.actions:
                break
            for action in plan.actions:
                self._carry_out(action, self.objects[(kind, name)])
        assert self._plan(kind, name).actions == ()
        return plan

    def registry(self) -> Plan:
        return self.look("ModelRegistry", "default")

    def version(self, number: int = 2) -> Plan:
        return self.look("ModelVersion", f"diabetes-v{number}")

    def _plan(self, kind: str, name: str) -> Plan:
        decide = _DECISIONS[kind]
        obj = self.objects[(kind, name)]
        return decide(obj, Seen(self.objects), now=self.now, settings=self.settings)

    def _carry_out(self, action: Any, owner: Manifest) -> None:
        match action:
            case CreateCredentials(manifest):
                self.put(owned(manifest, owner))
            case Create(manifest):
                made = owned(manifest, owner)
                made["metadata"].setdefault("generation", 1)
                self.created.append(made)
                self.put(made)
            case Apply(manifests):
                for one in manifests:
                    self.put(owned(one, owner))
            case WriteStatus(ref, _, status):
                self.put({**self.objects[(ref.kind, ref.name)], "status": dict(status)})

    @property
    def jobs(self) -> list[Manifest]:
        return [one for one in self.created if one["kind"] == "Job"]

    @property
    def versions(self) -> list[Manifest]:
        return [one for one in self.created if one["kind"] == "ModelVersion"]

    def answer(self, answer: AzureAnswer) -> None:
        """End the newest Job with this answer."""
        self.end(an_ended_pod(self.created[-1], said=answer.encode()))

    def fail(self, reason: str, wait: int = 0) -> None:
        self.answer(AzureAnswer(error=JobError(reason, f"{reason}, so do this"), wait=wait))

    def end(self, pod: Manifest | None, how: str = "Complete", message: str = "") -> None:
        self.put(ended_job(self.created[-1], how, message))
        if pod is not None:
            self.put(pod)

    def said(self, kind: str, name: str) -> dict[str, tuple[str, str]]:
        return conditions(self.objects[(kind, name)]["status"])

    def mirrored(self, number: int = 2) -> tuple[str, str]:
        return self.said("ModelVersion", f"diabetes-v{number}")["Mirrored"]

    def message(self, kind: str, name: str, about: str) -> str:
        found = find(self.objects[(kind, name)]["status"]["conditions"], about)
        assert found is not None
        return str(found["message"])


def a_found_workspace(*versions: Manifest, **azure: Any) -> World:
    """Return a world whose registry has reached its workspace."""
    world = World(a_mirrored_registry(**azure), *versions)
    world.registry()
    world.answer(AzureAnswer(id=WORKSPACE))
    world.registry()
    return world


CONVERTED = Converted(
    format="onnx",
    source_format="keras",
    contract="base64-image",
    signature=Signature((Tensor("x", "float32", (-1, 3)),), (Tensor("y", "float32", (-1, 1)),)),
)


def an_importing_world(
    uri: str = "azureml:Taco_Net:7", registry: Any = None, **model: Any
) -> World:
    """Return a world with an endpoint that names a model of the workspace, which is reached."""
    endpoint = an_endpoint(model={"name": "tacos", "uri": uri, **model})
    world = World(registry or a_mirrored_registry(), endpoint)
    world.registry()
    world.answer(AzureAnswer(id=WORKSPACE))
    world.registry()
    deployment = world.objects["Deployment", "comal-registry-default"]
    world.put({**deployment, "status": {"availableReplicas": 1}})
    world.registry()
    world.created.clear()
    return world


def end_import(
    world: World,
    version: str = "7",
    converted: Converted = CONVERTED,
    pushed: Registered | None = None,
    brought: AzureAnswer | None = None,
) -> None:
    """End the newest import, each of its containers with its last words."""
    said = {
        "bring": brought or AzureAnswer(id=f"{WORKSPACE}/models/Taco_Net/versions/{version}"),
        "adopt": converted,
        "register": pushed or Registered(digest=DIGEST, size=9, files=2),
    }
    bring, adopt, register = (
        {"name": name, "state": {"terminated": {"exitCode": 0, "message": message.encode()}}}
        for name, message in said.items()
    )
    job = world.jobs[-1]
    world.put(
        a_pod(
            job,
            phase="Succeeded",
            initContainerStatuses=[bring, adopt],
            containerStatuses=[register],
        )
    )
    world.put(ended_job(job, "Complete"))
