"""The Jobs of a TrainingRun: one for each step, and the operator's own three."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from comal_operator.api.training_run import Register, TrainingRunSpec
from comal_operator.api.training_step import Step
from comal_operator.core.children import child_metadata, container_security, pod_security
from comal_operator.core.names import LABEL_MODEL_REGISTRY, LABEL_STEP
from comal_operator.core.plan import Manifest, Settings
from comal_operator.core.registry.address import repository
from comal_operator.core.registry.objects import login_secret_name, writer_url
from comal_operator.core.training.objects import (
    REGISTER,
    REPORT,
    STEP,
    claim_name,
    run_child_name,
    run_labels,
)
from comal_trainer import contract

CONTAINER = "step"
# Infrastructure may fail a few times; what a person must mend is reported with exit code 0.
BUILT_IN_RETRIES = 4


def step_job(run: Manifest, spec: TrainingRunSpec, step: Step, settings: Settings) -> Manifest:
    """Return the Job of one of the user's steps. It gets one Pod and one attempt."""
    container: dict[str, Any] = {
        "image": step.image or spec.image or settings.trainer_image,
        # What the step said last, even when its Pod is gone before its log is read.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "env": [
            *_facts(run, spec, step.name, step.role),
            *(variable.to_env() for variable in step.env),
        ],
    }
    if step.command:
        container["command"] = list(step.command)
    if step.args:
        container["args"] = list(step.args)
    if step.resources is not None:
        container["resources"] = step.resources.to_wire()
    pod: dict[str, Any] = {}
    if step.placement is not None:
        pod = {key: value for key, value in step.placement.to_wire().items() if value}
    return _job(run, spec, step.name, STEP, container, pod=pod, retries=0)


def collect_job(run: Manifest, spec: TrainingRunSpec, settings: Settings) -> Manifest:
    """Return the Job that reads the metrics."""
    container = _built_in(
        run, spec, settings, contract.COLLECT_COMMAND, contract.collect_arguments()
    )
    container["resources"] = _resources("64Mi", "512Mi")
    return _job(run, spec, contract.COLLECT_COMMAND, REPORT, container, retries=BUILT_IN_RETRIES)


def convert_job(run: Manifest, spec: TrainingRunSpec, settings: Settings) -> Manifest:
    """Return the Job that makes the package; it may load the user's pickle, so it gets nothing."""
    container = _built_in(
        run, spec, settings, contract.CONVERT_COMMAND, contract.convert_arguments()
    )
    container["resources"] = _resources("256Mi", "4Gi")
    return _job(run, spec, contract.CONVERT_COMMAND, REPORT, container, retries=BUILT_IN_RETRIES)


def register_job(
    run: Manifest, spec: TrainingRunSpec, register: Register, settings: Settings
) -> Manifest:
    """Return the Job that pushes the package: the only one that sees the writer's login."""
    arguments = contract.register_arguments(
        url=writer_url(register.registry),
        repository=repository(register.model),
        tag=f"run-{run['metadata']['uid']}",
    )
    container = _built_in(run, spec, settings, contract.REGISTER_COMMAND, arguments)
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
    return _job(
        run,
        spec,
        contract.REGISTER_COMMAND,
        REGISTER,
        container,
        retries=BUILT_IN_RETRIES,
        volumes=(login,),
        mounts=(mount,),
        # The registry looks at these Pods too: only they show that the login is gone.
        more_labels={LABEL_MODEL_REGISTRY: register.registry},
    )


def _built_in(
    run: Manifest, spec: TrainingRunSpec, settings: Settings, name: str, arguments: Sequence[str]
) -> dict[str, Any]:
    return {
        "image": settings.trainer_image,
        "args": list(arguments),
        "env": _facts(run, spec, name, "Other"),
    }


def _resources(request: str, limit: str) -> dict[str, Any]:
    return {"requests": {"cpu": "50m", "memory": request}, "limits": {"memory": limit}}


def _job(
    run: Manifest,
    spec: TrainingRunSpec,
    name: str,
    component: str,
    container: Mapping[str, Any],
    *,
    retries: int,
    pod: Mapping[str, Any] | None = None,
    volumes: Sequence[Manifest] = (),
    mounts: Sequence[Manifest] = (),
    more_labels: Mapping[str, str] | None = None,
) -> Manifest:
    labels = run_labels(run, component, **{LABEL_STEP: name, **(more_labels or {})})
    workspace = spec.workspace
    template = {
        "serviceAccountName": spec.service_account_name or run_child_name(run, "training"),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": pod_security(),
        **(pod or {}),
        "containers": [
            {
                "name": CONTAINER,
                "imagePullPolicy": "IfNotPresent",
                "workingDir": workspace.mount_path,
                **container,
                "securityContext": container_security(),
                "volumeMounts": [
                    {"name": "workspace", "mountPath": workspace.mount_path},
                    {"name": "run", "mountPath": contract.RUN_DIR, "readOnly": True},
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the container's own
                    *mounts,
                ],
            }
        ],
        "volumes": [
            {"name": "workspace", "persistentVolumeClaim": {"claimName": claim_name(run, spec)}},
            {"name": "run", "configMap": {"name": run_child_name(run, "parameters")}},
            {"name": "tmp", "emptyDir": {}},
            *volumes,
        ],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": child_metadata(run, job_name(run, name, component), labels),
        "spec": {
            "backoffLimit": retries,
            "template": {"metadata": {"labels": labels}, "spec": template},
        },
    }


def job_name(run: Manifest, name: str, component: str = STEP) -> str:
    """Return the name of a step's Job; a user's step named `register` is not the operator's.

    Nothing of the spec is hashed: a step has one Job, whatever version of the operator makes it.
    """
    return run_child_name(run, name if component == STEP else f"comal-{name}")


def _facts(run: Manifest, spec: TrainingRunSpec, name: str, role: str) -> list[dict[str, str]]:
    """Return the environment of the step contract."""
    source, path = spec.source, spec.workspace.mount_path
    model = spec.register_.path if spec.register_ else contract.DEFAULT_MODEL_PATH
    facts = {
        contract.RUN_ENV: run["metadata"]["name"],
        contract.RUN_UID_ENV: run["metadata"]["uid"],
        contract.NAMESPACE_ENV: run["metadata"]["namespace"],
        contract.STEP_ENV: name,
        contract.ROLE_ENV: role,
        contract.EXPERIMENT_ENV: spec.experiment,
        contract.SOURCE_REPOSITORY_ENV: source.repository if source else None,
        contract.SOURCE_REVISION_ENV: source.revision if source else None,
        contract.BUILD_ID_ENV: source.build_id if source else None,
        contract.BUILD_URI_ENV: source.build_uri if source else None,
        contract.WORKSPACE_ENV: path,
        contract.PARAMETERS_FILE_ENV: contract.PARAMETERS_FILE,
        contract.METRICS_FILE_ENV: f"{path}/{contract.METRICS_FILE}",
        contract.MODEL_DIR_ENV: f"{path}/{model}",
        "HOME": "/tmp",  # noqa: S108 - the only folder of its own that a container may write
    }
    for parameter, value in sorted(spec.parameters.items()):
        facts[contract.parameter_variable(parameter)] = value
    # `$(X)` in a value would be expanded by the kubelet; people mean the text.
    return [
        {"name": key, "value": (value or "").replace("$(", "$$(")} for key, value in facts.items()
    ]
