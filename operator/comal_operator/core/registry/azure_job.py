"""The Jobs that call Azure, and all that stands around them.

Every call to Azure is made by a Job in the user's namespace, under an account that only these have:
the operator neither holds an identity there nor reads the Secret that is one
(docs/decisions/0033).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from comal_operator.api.azure_ml import AzureML
from comal_operator.core.children import child_metadata, container_security, pod_security
from comal_operator.core.names import LABEL_MODEL_REGISTRY, labels
from comal_operator.core.network_rules import DNS, IN_CLUSTER, OUTSIDE
from comal_operator.core.plan import Manifest, Settings
from comal_operator.core.registry.address import repository
from comal_operator.core.registry.caller import (
    AUTHORITIES,
    CA_DIR,
    SKIP,
    USE,
    account,
    account_name,
    authorities,
    caller_of,
    way_out,
)
from comal_operator.core.registry.objects import (
    READER_PORT,
    WRITER_PORT,
    login_secret_name,
    registry_labels,
    writer_url,
)
from comal_scorer import contract as scorer
from comal_trainer import contract
from comal_trainer.contract.azure import ADOPT_COMMAND, LOGIN_DIR, MODEL_DIR, Workspace

COMPONENT: Final = "azure"
_LOGIN: Final = "login"
_MODEL: Final = "model"
_WRITER: Final = "registry"
_KEPT_SECONDS: Final = 3600
_CHECK_SECONDS: Final = 900
# The containers of an import, in their order; only the first one comes as somebody.
BRING: Final = "bring"
ADOPT: Final = "adopt"
REGISTER: Final = "register"
# A large model takes its time to be uploaded.
_RECORD_SECONDS: Final = 2 * 3600


def workspace_of(registry: Manifest) -> Workspace | None:
    """Return the workspace that records the registry's versions; None where it names none."""
    said = registry["spec"].get("azureML")
    if said is None:
        return None
    azure = AzureML.model_validate(said)
    return Workspace(
        subscription=azure.subscription_id,
        group=azure.resource_group,
        name=azure.workspace,
        **caller_of(registry, azure.credential, azure.proxy, azure.ca_bundle),
    )


def azure_children(registry: Manifest) -> tuple[Manifest, ...]:
    """Return the account of the Jobs, and whom they may talk to."""
    workspace = workspace_of(registry)
    if workspace is None:
        return ()
    name = account_name(registry["metadata"]["name"])
    metadata = child_metadata(registry, name, registry_labels(registry))
    return account(registry, workspace), _network_policy(registry, metadata, workspace)


def _network_policy(registry: Manifest, metadata: Manifest, workspace: Workspace) -> Manifest:
    store = {"podSelector": {"matchLabels": registry_labels(registry)}}
    reader = {"to": [store], "ports": [{"protocol": "TCP", "port": READER_PORT}]}
    # The proxy may be a Pod, of which only its Service's port is known.
    proxy = [IN_CLUSTER] if workspace.proxy else []
    # What is imported is pushed.
    writer = {"to": [store], "ports": [{"protocol": "TCP", "port": WRITER_PORT}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": {
            "podSelector": {"matchLabels": labels(COMPONENT)},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [DNS, OUTSIDE, reader, writer, *proxy],
        },
    }


def check_job(
    registry: Manifest, name: str, workspace: Workspace, arguments: Sequence[str], image: str
) -> Manifest:
    """Return the Job that looks whether the workspace is reached."""
    mark = {LABEL_MODEL_REGISTRY: registry["metadata"]["name"]}
    pod = _pod(registry["metadata"]["name"], workspace, arguments, image)
    return _job(registry, name, mark=mark, workspace=workspace, pod=pod, seconds=_CHECK_SECONDS)


def record_job(
    version: Manifest,
    name: str,
    *,
    workspace: Workspace,
    arguments: Sequence[str],
    address: tuple[str, str],
    mark: dict[str, str],
    settings: Settings,
) -> Manifest:
    """Return the Job that records a version: with the bytes that our registry has by its digest.

    The run's own volume may be gone by then; what the registry has is what is served.
    """
    spec = version["spec"]
    pod = _pod(spec["registry"], workspace, arguments, settings.azure_image)
    mount = {"name": _MODEL, "mountPath": MODEL_DIR}
    url, repository = address
    fetched = scorer.fetch_arguments(
        url=url, repository=repository, digest=spec["digest"], target=MODEL_DIR
    )
    pod["initContainers"] = [_container("fetch", settings.scorer_image, fetched, [mount])]
    pod["containers"][0]["volumeMounts"].append({**mount, "readOnly": True})
    pod["volumes"].append({"name": _MODEL, "emptyDir": {}})
    return _job(version, name, mark=mark, workspace=workspace, pod=pod, seconds=_RECORD_SECONDS)


def import_job(
    owner: Manifest,
    name: str,
    *,
    workspace: Workspace,
    arguments: Sequence[str],
    target: tuple[str, str],
    mark: dict[str, str],
    settings: Settings,
) -> Manifest:
    """Return the Job that brings a model out of the workspace and pushes it as `target`.

    Three containers share a volume and no login: the one that asks Azure, the one that converts,
    and may load somebody's pickle, and the one that may write to the registry.
    """
    registry, model = target
    pod = _pod(registry, workspace, arguments, settings.azure_image)
    files = {"name": _MODEL, "mountPath": contract.DEFAULT_WORKSPACE}
    [bring] = pod["containers"]
    bring["name"] = BRING
    bring["volumeMounts"].append(files)
    adopt = _container(ADOPT, settings.trainer_image, [ADOPT_COMMAND], [files])
    adopt["resources"] = {
        "requests": {"cpu": "50m", "memory": "256Mi"},
        "limits": {"memory": "4Gi"},
    }
    pushed = contract.register_arguments(
        url=writer_url(registry), repository=repository(model), tag=name
    )
    login = {"name": _WRITER, "mountPath": contract.CREDENTIALS_DIR, "readOnly": True}
    register = _container(REGISTER, settings.trainer_image, pushed, [files, login])
    pod["initContainers"] = [bring, adopt]
    pod["containers"] = [register]
    pod["volumes"] += [{"name": _MODEL, "emptyDir": {}}, _writer_login(registry)]
    job = _job(owner, name, mark=mark, workspace=workspace, pod=pod, seconds=_RECORD_SECONDS)
    if workspace.client_id:
        job["spec"]["template"]["metadata"]["annotations"] = {SKIP: f"{ADOPT};{REGISTER}"}
    return job


def _writer_login(registry: str) -> dict[str, Any]:
    keys = (contract.USERNAME_FILE, contract.PASSWORD_FILE)
    return {
        "name": _WRITER,
        "secret": {
            "secretName": login_secret_name(registry),
            "defaultMode": 0o440,
            "items": [{"key": key, "path": key} for key in keys],
        },
    }


def _pod(
    registry: str, workspace: Workspace, arguments: Sequence[str], image: str
) -> dict[str, Any]:
    mounts: list[dict[str, Any]] = []
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    if workspace.secret:
        mounts.append({"name": _LOGIN, "mountPath": LOGIN_DIR, "readOnly": True})
        # Optional: the command then says what is missing, where a Pod would hang.
        login = {"secretName": workspace.secret, "optional": True, "defaultMode": 0o440}
        volumes.append({"name": _LOGIN, "secret": login})
    if workspace.ca_bundle:
        mounts.append({"name": AUTHORITIES, "mountPath": CA_DIR, "readOnly": True})
        volumes.append(authorities(workspace.ca_bundle))
    container = _container(COMPONENT, image, arguments, mounts)
    container["env"] += way_out(workspace)
    return {
        "serviceAccountName": account_name(registry),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": pod_security(),
        "containers": [container],
        "volumes": volumes,
    }


def _container(
    name: str, image: str, arguments: Sequence[str], mounts: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(arguments),
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - the container's own
        "resources": {"requests": {"cpu": "50m", "memory": "192Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [*mounts, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - as above
    }


def _job(
    owner: Manifest,
    name: str,
    *,
    mark: dict[str, str],
    workspace: Workspace,
    pod: dict[str, Any],
    seconds: int,
) -> dict[str, Any]:
    marks = labels(COMPONENT, **mark)
    use = {USE: "true"} if workspace.client_id else {}
    evicted = {"type": "DisruptionTarget", "status": "True"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": child_metadata(owner, name, marks),
        "spec": {
            # When to try again is the operator's to say: it waits longer each time.
            "backoffLimit": 0,
            "activeDeadlineSeconds": seconds,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [evicted]}]},
            "template": {"metadata": {"labels": {**marks, **use}}, "spec": pod},
        },
    }
