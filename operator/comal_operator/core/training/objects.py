"""What a TrainingRun has besides its Jobs: parameters, volume, account, network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from comal_operator.api.meta import API_VERSION
from comal_operator.api.training_run import TrainingRunSpec
from comal_operator.core.children import child_metadata
from comal_operator.core.names import (
    LABEL_MODEL_REGISTRY,
    LABEL_TRAINING_RUN,
    child_name,
    labels,
    short_hash,
)
from comal_operator.core.plan import Manifest
from comal_operator.core.registry.objects import WRITER_PORT

DEFAULT_REGISTRY = "default"
# Where clouds hand out the node's own credentials.
METADATA_ADDRESS = "169.254.169.254/32"
METADATA_ADDRESS_V6 = "fd00:ec2::254/128"
STEP = "training-step"
REPORT = "training-report"
REGISTER = "training-register"


def run_child_name(run: Manifest, part: str) -> str:
    """Return the name of a child: another run of the same name has other children."""
    return child_name(run["metadata"]["name"], part, short_hash(run["metadata"]["uid"], part))


def claim_name(run: Manifest, spec: TrainingRunSpec) -> str:
    """Return the name of the claim that the run works on."""
    return spec.workspace.existing_claim or run_child_name(run, "workspace")


def run_labels(run: Manifest, component: str, **more: str) -> dict[str, str]:
    """Return the labels of a child of `run`."""
    return labels(component, **{LABEL_TRAINING_RUN: run["metadata"]["name"], **more})


def parameters_config_map(run: Manifest, spec: TrainingRunSpec) -> Manifest:
    """Return the ConfigMap that steps find at COMAL_PARAMETERS_FILE."""
    text = json.dumps(spec.parameters, indent=2, sort_keys=True, ensure_ascii=False)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(run, "parameters"),
        "immutable": True,
        "data": {"parameters.json": text + "\n"},
    }


def service_account(run: Manifest) -> Manifest:
    """Return the account of runs that name none: it has no rights."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(run, "training"),
        "automountServiceAccountToken": False,
    }


def workspace_claim(run: Manifest, spec: TrainingRunSpec) -> Manifest:
    """Return the claim that the run's steps share."""
    workspace = spec.workspace
    metadata = _metadata(run, "workspace")
    if workspace.retain:
        # An owner would take it along. The name, made from the run's uid, says whose it is.
        del metadata["ownerReferences"]
    claim: dict[str, Any] = {
        "accessModes": list(workspace.access_modes or ("ReadWriteOnce",)),
        "resources": {"requests": {"storage": workspace.size or "10Gi"}},
    }
    if workspace.storage_class_name is not None:
        claim["storageClassName"] = workspace.storage_class_name
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": claim,
    }


def network_policies(run: Manifest, spec: TrainingRunSpec) -> tuple[Manifest, ...]:
    """Return who may talk to whom: nobody to a training Pod, and each Pod where it must.

    The Pods that collect and convert, which may load a user's pickle, reach nothing at all.
    """
    closed = _network_policy(run, "isolated", {}, {"policyTypes": ["Ingress", "Egress"]})
    outside = {
        "to": [
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": [METADATA_ADDRESS]}},
            {"ipBlock": {"cidr": "::/0", "except": [METADATA_ADDRESS_V6]}},
        ]
    }
    steps = _network_policy(
        run,
        "steps",
        {"app.kubernetes.io/component": STEP},
        {"policyTypes": ["Egress"], "egress": [_dns(), outside]},
    )
    if spec.register_ is None:
        return closed, steps
    writer = {
        "to": [
            {
                "podSelector": {
                    "matchLabels": {
                        "app.kubernetes.io/component": "registry",
                        LABEL_MODEL_REGISTRY: spec.register_.registry,
                    }
                }
            }
        ],
        "ports": [{"protocol": "TCP", "port": WRITER_PORT}],
    }
    register = _network_policy(
        run,
        "register",
        {"app.kubernetes.io/component": REGISTER},
        {"policyTypes": ["Egress"], "egress": [_dns(), writer]},
    )
    return closed, steps, register


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


def _metadata(run: Manifest, part: str) -> dict[str, Any]:
    return child_metadata(run, run_child_name(run, part), run_labels(run, "training-run"))


def _dns() -> dict[str, Any]:
    return {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}


def _network_policy(
    run: Manifest, part: str, pods: Mapping[str, str], rules: Mapping[str, Any]
) -> Manifest:
    selected = {LABEL_TRAINING_RUN: run["metadata"]["name"], **pods}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(run, part),
        "spec": {"podSelector": {"matchLabels": selected}, **rules},
    }
