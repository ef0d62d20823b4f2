"""A scoring Pod: fetch the model by digest, then serve it."""

from __future__ import annotations

from typing import Any

from comal_operator.api.model_deployment import ModelDeploymentSpec
from comal_operator.core.children import container_security, pod_security
from comal_operator.core.names import LABEL_MODEL
from comal_operator.core.plan import Manifest, Settings
from comal_operator.core.serving.labels import revision_labels, revision_selector
from comal_operator.core.serving.pod_environment import pod_environment, pod_files
from comal_operator.core.serving.probes import probes
from comal_operator.core.serving.resolution import Resolved
from comal_scorer import contract

SCORING_PORT = contract.DEFAULT_PORT
METRICS_PORT = contract.METRICS_PORT
_MODELS = "models"
# Longer than the scorer's own drain and the longest request that most endpoints allow.
_GRACE_SECONDS = 60


def service_account_name(mdep: Manifest) -> str:
    """Return the account of routers and scoring Pods: it has no rights and no token."""
    return f"{mdep['metadata']['name']}-serving"


def pod_template(
    mdep: Manifest,
    revision: str,
    model: Resolved,
    spec: ModelDeploymentSpec,
    settings: Settings,
) -> dict[str, Any]:
    """Return the template of one revision's Pods."""
    image = spec.image or _own_image(model, settings)
    predictor = spec.predictor.to_wire()
    volumes, _ = pod_files(spec)
    pod: dict[str, Any] = {
        "serviceAccountName": service_account_name(mdep),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "initContainers": [_fetch(image, model, predictor)],
        "containers": [_scorer(mdep, image, revision, model, spec)],
        "topologySpreadConstraints": spread(revision_selector(mdep, revision)),
        "volumes": [
            {"name": _MODELS, "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
            *volumes,
        ],
    }
    if predictor.get("nodeSelector"):
        pod["nodeSelector"] = predictor["nodeSelector"]
    if predictor.get("tolerations"):
        pod["tolerations"] = predictor["tolerations"]
    marks = {**revision_labels(mdep, revision), LABEL_MODEL: model.model}
    return {"metadata": {"labels": marks}, "spec": pod}


def _own_image(model: Resolved, settings: Settings) -> str:
    second = settings.scorer_tensorflow_image if model.needs_second_image else ""
    # Where the installation has no second image the default one says what is missing.
    return second or settings.scorer_image


def spread(selector: dict[str, str]) -> list[dict[str, Any]]:
    """Return the wish that these Pods share neither zone nor node, where there is a choice."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]


def _fetch(image: str, model: Resolved, predictor: dict[str, Any]) -> dict[str, Any]:
    arguments = contract.fetch_arguments(
        url=model.url,
        repository=model.repository,
        digest=model.digest,
        target=contract.DEFAULT_MODEL_DIR,
    )
    return {
        "name": "fetch",
        "image": image,
        "args": list(arguments),
        "securityContext": container_security(),
        # Why it failed is a JSON message of its own; the log's end if it died before.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": _MODELS, "mountPath": contract.DEFAULT_MODEL_DIR},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the Pod's own
        ],
        **_resources(predictor),
    }


def _scorer(
    mdep: Manifest,
    image: str,
    revision: str,
    model: Resolved,
    spec: ModelDeploymentSpec,
) -> dict[str, Any]:
    _, mounts = pod_files(spec)
    facts = {
        contract.MODEL_DIR_ENV: contract.DEFAULT_MODEL_DIR,
        contract.MODEL_DIGEST_ENV: model.digest,
        contract.MODEL_NAME_ENV: model.model,
        contract.MODEL_VERSION_ENV: model.version,
        contract.REVISION_ENV: revision,
        contract.METRICS_PORT_ENV: str(METRICS_PORT),
    }
    facts |= pod_environment(mdep, spec)
    env = [{"name": name, "value": value} for name, value in facts.items()]
    return {
        "name": "scorer",
        "image": image,
        "args": list(contract.serve_arguments()),
        "env": [*env, *(one.to_env() for one in spec.predictor.env)],
        "ports": [
            {"name": "http", "containerPort": SCORING_PORT},
            {"name": "metrics", "containerPort": METRICS_PORT},
        ],
        **probes(),
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": _MODELS, "mountPath": contract.DEFAULT_MODEL_DIR, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the Pod's own
            *mounts,
        ],
        **_resources(spec.predictor.to_wire()),
    }


def _resources(predictor: dict[str, Any]) -> dict[str, Any]:
    return {"resources": predictor["resources"]} if predictor.get("resources") else {}
