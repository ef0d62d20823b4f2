"""Who may talk to whom in a training: nobody to a training Pod, and each Pod where it must."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comal_operator.api.training_run import TrainingRunSpec
from comal_operator.core.image_tags import egress
from comal_operator.core.names import LABEL_MODEL_REGISTRY, LABEL_TRAINING_RUN
from comal_operator.core.network_rules import DNS, IN_CLUSTER, OUTSIDE
from comal_operator.core.plan import Manifest, Settings
from comal_operator.core.registry.objects import READER_PORT, WRITER_PORT
from comal_operator.core.training.baseline import is_same_data
from comal_operator.core.training.images import tags
from comal_operator.core.training.objects import (
    FETCH,
    IMAGES,
    NOTIFY,
    PROFILE,
    REGISTER,
    STEP,
    metadata,
)
from comal_trainer.contract.progress import PROGRESS_PORT


def network_policies(
    run: Manifest, spec: TrainingRunSpec, settings: Settings
) -> tuple[Manifest, ...]:
    """Return the policies of a run's Pods.

    The Pods that collect and convert, which may load a user's pickle, reach nothing at all.
    """
    policies = [
        _network_policy(run, "isolated", {}, {"policyTypes": ["Ingress", "Egress"]}),
        _egress(run, "steps", STEP, *_of_steps(spec, settings.operator_namespace)),
    ]
    asked = tags(spec, (settings.trainer_image,), settings)
    if asked:
        policies.append(_egress(run, "images", IMAGES, *egress(asked)))
    if spec.data:
        policies.append(_egress(run, "fetch", FETCH, OUTSIDE))
    if spec.notify:
        policies.append(_egress(run, "notify", NOTIFY, OUTSIDE, IN_CLUSTER))
    if spec.register_ is not None:
        writer = _registry(spec.register_.registry, WRITER_PORT)
        policies.append(_egress(run, "register", REGISTER, writer))
    if spec.register_ is not None and spec.profile is not None:
        reader = _registry(spec.register_.registry, READER_PORT)
        policies.append(_egress(run, "profile", PROFILE, reader))
    return tuple(policies)


def _of_steps(spec: TrainingRunSpec, operator_namespace: str) -> list[dict[str, Any]]:
    rules = [OUTSIDE, _operator(operator_namespace)]
    if spec.register_ is not None and is_same_data(spec.gate):
        # Steps with role Evaluate fetch the baseline before they start.
        rules.append(_registry(spec.register_.registry, READER_PORT))
    return rules


def _operator(namespace: str) -> dict[str, Any]:
    """Return the rule that lets a step report its progress: an address range finds no Pods."""
    home = {"kubernetes.io/metadata.name": namespace}
    pods = {
        "app.kubernetes.io/name": "comal-operator",
        "app.kubernetes.io/component": "operator",
    }
    selected = {
        "namespaceSelector": {"matchLabels": home},
        "podSelector": {"matchLabels": pods},
    }
    return {"to": [selected], "ports": [{"protocol": "TCP", "port": PROGRESS_PORT}]}


def _registry(name: str, port: int) -> dict[str, Any]:
    pods = {"app.kubernetes.io/component": "registry", LABEL_MODEL_REGISTRY: name}
    return {
        "to": [{"podSelector": {"matchLabels": pods}}],
        "ports": [{"protocol": "TCP", "port": port}],
    }


def _egress(run: Manifest, part: str, component: str, *rules: Mapping[str, Any]) -> Manifest:
    allowed = {"policyTypes": ["Egress"], "egress": [DNS, *rules]}
    return _network_policy(run, part, {"app.kubernetes.io/component": component}, allowed)


def _network_policy(
    run: Manifest, part: str, pods: Mapping[str, str], rules: Mapping[str, Any]
) -> Manifest:
    selected = {LABEL_TRAINING_RUN: run["metadata"]["name"], **pods}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(run, part),
        "spec": {"podSelector": {"matchLabels": selected}, **rules},
    }
