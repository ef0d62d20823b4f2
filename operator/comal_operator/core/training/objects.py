"""What a TrainingRun has besides its Jobs: parameters, volume, account, registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from comal_operator.api.meta import API_VERSION
from comal_operator.api.training_run import TrainingRunSpec
from comal_operator.core.children import child_metadata
from comal_operator.core.names import (
    LABEL_TRAINING_RUN,
    child_name,
    labels,
    short_hash,
)
from comal_operator.core.plan import Manifest

DEFAULT_REGISTRY = "default"
# The container that does the work of a training Pod.
CONTAINER = "step"
STEP = "training-step"
REPORT = "training-report"
REGISTER = "training-register"
FETCH = "training-fetch"
IMAGES = "training-images"
PROFILE = "training-profile"
NOTIFY = "training-notify"
SERIES = "training-series"
# The part of the run's name that its ConfigMap has.
PARAMETERS = "parameters"


def run_child_name(run: Manifest, part: str) -> str:
    """Return the name of a child: another run of the same name has other children."""
    return child_name(run["metadata"]["name"], part, short_hash(run["metadata"]["uid"], part))


def job_name(run: Manifest, name: str, component: str = STEP, attempt: int = 1) -> str:
    """Return the name of a step's Job; a user's step named `register` is not the operator's.

    Nothing of the spec is hashed: an attempt has one Job, whatever version of the operator makes
    it. The number of a later attempt is hashed, so that a step named `train-2` is not the second
    attempt at `train`.
    """
    if component != STEP:
        return run_child_name(run, f"comal-{name}")
    if attempt == 1:
        return run_child_name(run, name)
    part = f"{name}-{attempt}"
    digest = short_hash(run["metadata"]["uid"], name, attempt)
    return child_name(run["metadata"]["name"], part, digest)


def claim_name(run: Manifest, spec: TrainingRunSpec) -> str:
    """Return the name of the claim that the run works on: of a sweep, the best trial's."""
    sweep = (run.get("status") or {}).get("sweep") or {}
    own: str = sweep.get("workspace") or run_child_name(run, "workspace")
    return spec.workspace.existing_claim or own


def workspace_volume(run: Manifest, spec: TrainingRunSpec) -> Manifest:
    """Return the volume that Jobs work on; a sweep has none before its best trial is known."""
    sweep = (run.get("status") or {}).get("sweep") or {}
    if spec.sweep is not None and not sweep.get("workspace"):
        return {"name": "workspace", "emptyDir": {}}
    claim = {"claimName": claim_name(run, spec)}
    return {"name": "workspace", "persistentVolumeClaim": claim}


def run_labels(run: Manifest, component: str, **more: str) -> dict[str, str]:
    """Return the labels of a child of `run`."""
    return labels(component, **{LABEL_TRAINING_RUN: run["metadata"]["name"], **more})


def parameters_config_map(
    run: Manifest, spec: TrainingRunSpec, more: Mapping[str, str] | None = None
) -> Manifest:
    """Return the ConfigMap that steps find at COMAL_PARAMETERS_FILE, with `more` files beside."""
    text = json.dumps(spec.parameters, indent=2, sort_keys=True, ensure_ascii=False)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(run, PARAMETERS),
        "immutable": True,
        "data": {"parameters.json": text + "\n", **(more or {})},
    }


def service_account(run: Manifest) -> Manifest:
    """Return the account of runs that name none: it has no rights."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(run, "training"),
        "automountServiceAccountToken": False,
    }


def workspace_claim(run: Manifest, spec: TrainingRunSpec) -> Manifest:
    """Return the claim that the run's steps share."""
    workspace = spec.workspace
    meta = metadata(run, "workspace")
    if workspace.retain:
        # An owner would take it along. The name, made from the run's uid, says whose it is.
        del meta["ownerReferences"]
    claim: dict[str, Any] = {
        "accessModes": list(workspace.access_modes or ("ReadWriteOnce",)),
        "resources": {"requests": {"storage": workspace.size or "10Gi"}},
    }
    if workspace.storage_class_name is not None:
        claim["storageClassName"] = workspace.storage_class_name
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": meta,
        "spec": claim,
    }


def default_registry(namespace: str) -> Manifest:
    """Return the registry that a namespace gets which has none."""
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelRegistry",
        "metadata": {
            "name": DEFAULT_REGISTRY,
            "namespace": namespace,
            "labels": labels("registry"),
        },
        "spec": {"store": {"embedded": {}}},
    }


def metadata(run: Manifest, part: str) -> dict[str, Any]:
    """Return the metadata of the child of `run` called so."""
    return child_metadata(run, run_child_name(run, part), run_labels(run, "training-run"))
