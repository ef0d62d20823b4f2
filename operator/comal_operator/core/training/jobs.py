"""The Jobs of a TrainingRun: one for each attempt at a step, and the operator's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from comal_operator.api.training_notify import WebhookSecret
from comal_operator.api.training_run import Register
from comal_operator.api.training_step import Step
from comal_operator.core.children import child_metadata, container_security, pod_security
from comal_operator.core.names import LABEL_MODEL_REGISTRY, LABEL_STEP
from comal_operator.core.plan import Manifest
from comal_operator.core.registry.address import repository
from comal_operator.core.registry.objects import login_secret_name, writer_url
from comal_operator.core.training import (
    attempts,
    baseline_package,
    checkpoint,
    distributed,
    kueue,
    placement,
    reporting,
)
from comal_operator.core.training.environment import facts
from comal_operator.core.training.look import Look
from comal_operator.core.training.objects import (
    CONTAINER,
    FETCH,
    NOTIFY,
    PARAMETERS,
    PROFILE,
    REGISTER,
    REPORT,
    SERIES,
    STEP,
    job_name,
    run_child_name,
    run_labels,
    workspace_volume,
)
from comal_operator.core.training.parts import JobParts, combined
from comal_operator.core.training.step_image import step_image
from comal_trainer import contract
from comal_trainer.contract.data import FETCH_DATA_COMMAND, Source, fetch_data_arguments
from comal_trainer.contract.notice import (
    NOTIFY_COMMAND,
    WEBHOOK_DIR,
    WEBHOOK_FILE,
    notify_arguments,
)

SERIES_SECONDS = 120

# What each feature adds to a step's Job, in the order in which they are put together.
STEP_PARTS = (
    attempts.parts,
    reporting.parts,
    placement.parts,
    checkpoint.parts,
    distributed.parts,
    kueue.parts,
    baseline_package.parts,
)

# Infrastructure may fail a few times; what a person must mend is reported with exit code 0.
BUILT_IN_RETRIES = 4


def step_job(look: Look, step: Step) -> Manifest:
    """Return the Job of the next attempt at one of the user's steps."""
    container: dict[str, Any] = {
        "image": step_image(look, step),
        # What the step said last, even when its Pod is gone before its log is read.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "env": [
            *facts(look.run, look.spec, step.name, step.role),
            *(variable.to_env() for variable in step.env),
        ],
    }
    if step.command:
        container["command"] = list(step.command)
    if step.args:
        container["args"] = list(step.args)
    if step.resources is not None:
        container["resources"] = step.resources.to_wire()
    parts = combined(part(look, step) for part in STEP_PARTS)
    return _job(look, step.name, STEP, container, parts, retries=0, attempt=attempts.of(look, step))


def collect_job(look: Look) -> Manifest:
    """Return the Job that reads the metrics."""
    wanted = baseline_package.wanted_metrics(look)
    arguments = contract.collect_arguments(wanted, since=_begin(look))
    container = _built_in(look, contract.COLLECT_COMMAND, arguments)
    container["env"] += baseline_package.metrics_file(look)
    container["resources"] = _resources("64Mi", "512Mi")
    # What was collected of an evaluation that is repeated is not asked for again.
    times = baseline_package.evaluations(look)
    name = contract.COLLECT_COMMAND if times == 1 else f"{contract.COLLECT_COMMAND}-{times}"
    return report_job(look, name, container)


def series_job(look: Look) -> Manifest:
    """Return the Job that reads the series of a run that ends without `collect`."""
    arguments = contract.collect_arguments(since=_begin(look))
    container = _built_in(look, contract.COLLECT_COMMAND, arguments)
    container["resources"] = _resources("64Mi", "512Mi")
    # Nobody wants to wait long to hear that a run failed.
    parts = JobParts(job={"activeDeadlineSeconds": SERIES_SECONDS})
    return _job(look, "series", SERIES, container, parts, retries=BUILT_IN_RETRIES)


def fetch_data_job(look: Look, sources: Sequence[Source], claims: JobParts) -> Manifest:
    """Return the Job that lays the data into the workspace; it may talk to whom steps may."""
    container = _built_in(look, FETCH_DATA_COMMAND, fetch_data_arguments(sources))
    container["resources"] = _resources("64Mi", "512Mi")
    return _job(look, FETCH_DATA_COMMAND, FETCH, container, claims, retries=BUILT_IN_RETRIES)


def convert_job(look: Look) -> Manifest:
    """Return the Job that makes the package; it may load the user's pickle, so it gets nothing."""
    container = _built_in(look, contract.CONVERT_COMMAND, contract.convert_arguments())
    container["resources"] = _resources("256Mi", "4Gi")
    return report_job(look, contract.CONVERT_COMMAND, container)


def register_job(look: Look, register: Register) -> Manifest:
    """Return the Job that pushes the package: the only one that sees the writer's login."""
    arguments = contract.register_arguments(
        url=writer_url(register.registry),
        repository=repository(register.model),
        tag=f"run-{look.run['metadata']['uid']}",
        key=register.sign.key if register.sign else "",
        sign=register.sign.model_dump(include={"data", "model"}, exclude_none=True)
        if register.sign
        else None,
    )
    container = _built_in(look, contract.REGISTER_COMMAND, arguments)
    container["resources"] = _resources("64Mi", "512Mi")
    login = {
        "name": "login",
        "secret": {
            "secretName": login_secret_name(register.registry),
            "defaultMode": 0o440,
            "items": [
                {"key": "username", "path": contract.USERNAME_FILE},
                {"key": "password", "path": contract.PASSWORD_FILE},
            ],
        },
    }
    mount = {"name": "login", "mountPath": contract.CREDENTIALS_DIR, "readOnly": True}
    parts = JobParts(
        volumes=(login,),
        mounts=(mount,),
        # The registry looks at these Pods too: only they show that the login is gone.
        labels={LABEL_MODEL_REGISTRY: register.registry},
    )
    name = contract.REGISTER_COMMAND
    return _job(look, name, REGISTER, container, parts, retries=BUILT_IN_RETRIES)


def notify_job_name(run: Manifest, part: str) -> str:
    """Return the name of the Job that tells a webhook of what `part` names."""
    return run_child_name(run, f"comal-{NOTIFY_COMMAND}-{part}")


def notify_job(look: Look, part: str, secret: WebhookSecret, event: Manifest) -> Manifest:
    """Return the Job that tells a webhook of `event`: it sees the Secret and not the workspace.

    What another attempt cannot change ends it at once; all attempts together take minutes.
    """
    labels = run_labels(look.run, NOTIFY)
    folder = {"name": "webhook", "mountPath": WEBHOOK_DIR, "readOnly": True}
    address = {
        "secretName": secret.name,
        "defaultMode": 0o440,
        "items": [{"key": secret.key, "path": WEBHOOK_FILE}],
    }
    container = {
        "name": CONTAINER,
        "image": look.settings.trainer_image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(notify_arguments(event)),
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - the container's own
        "resources": _resources("64Mi", "256Mi"),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security(),
        "volumeMounts": [folder, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - as above
    }
    pod = {
        **_pod(look),
        "containers": [container],
        "volumes": [
            {"name": "webhook", "secret": address},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    final = {"containerName": CONTAINER, "operator": "In", "values": [64, 65]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": child_metadata(look.run, notify_job_name(look.run, part), labels),
        "spec": {
            "backoffLimit": 2,
            "activeDeadlineSeconds": 900,
            "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": final}]},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def loading_job(look: Look, name: str, arguments: Sequence[str], parts: JobParts) -> Manifest:
    """Return the Job that loads the scoring container beside it; its failure is an answer too."""
    container = _built_in(look, name, arguments)
    container["resources"] = _resources("64Mi", "256Mi")
    return _job(look, name, PROFILE, container, parts, retries=1)


def built_in_job(
    look: Look, name: str, arguments: Sequence[str], parts: JobParts | None = None
) -> Manifest:
    """Return a Job of the operator's own that runs a command of the trainer on the workspace."""
    container = _built_in(look, name, arguments)
    container["resources"] = _resources("64Mi", "512Mi")
    return report_job(look, name, container, parts)


def report_job(
    look: Look, name: str, container: Mapping[str, Any], parts: JobParts | None = None
) -> Manifest:
    """Return a Job of the operator's own that reads the workspace and answers in one message."""
    return _job(look, name, REPORT, container, parts or JobParts(), retries=BUILT_IN_RETRIES)


def _built_in(look: Look, name: str, arguments: Sequence[str]) -> dict[str, Any]:
    return {
        "image": look.settings.trainer_image,
        "args": list(arguments),
        "env": facts(look.run, look.spec, name, "Other"),
    }


def _begin(look: Look) -> str:
    """Return when the run was made: what an existing claim holds from before is not its own."""
    return str(look.run["metadata"]["creationTimestamp"])


def _pod(look: Look) -> dict[str, Any]:
    """Return what every Pod of the run has."""
    account = look.spec.service_account_name or run_child_name(look.run, "training")
    return {
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": pod_security(),
    }


def _resources(request: str, limit: str) -> dict[str, Any]:
    return {"requests": {"cpu": "50m", "memory": request}, "limits": {"memory": limit}}


def _job(
    look: Look,
    name: str,
    component: str,
    container: Mapping[str, Any],
    parts: JobParts,
    *,
    retries: int,
    attempt: int = 1,
) -> Manifest:
    run, workspace = look.run, look.spec.workspace
    labels = run_labels(run, component, **{LABEL_STEP: name, **parts.labels})
    template: dict[str, Any] = {
        **_pod(look),
        **parts.pod,
        "containers": [
            {
                "name": CONTAINER,
                "imagePullPolicy": "IfNotPresent",
                "workingDir": workspace.mount_path,
                **container,
                **parts.container,
                "env": [*container["env"], *parts.env],
                "securityContext": container_security(),
                "volumeMounts": [
                    {"name": "workspace", "mountPath": workspace.mount_path},
                    {"name": "run", "mountPath": contract.RUN_DIR, "readOnly": True},
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the container's own
                    *parts.mounts,
                ],
            }
        ],
        "volumes": [
            workspace_volume(run, look.spec),
            {"name": "run", "configMap": {"name": run_child_name(run, PARAMETERS)}},
            {"name": "tmp", "emptyDir": {}},
            *parts.volumes,
        ],
    }
    if parts.init_containers:
        template["initContainers"] = list(parts.init_containers)
    own_name = job_name(run, name, component, attempt)
    metadata = child_metadata(run, own_name, {**labels, **parts.job_labels})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": retries,
            **parts.job,
            "template": {"metadata": {"labels": labels}, "spec": template},
        },
    }
