"""By what an object is looked for, other than its name: nobody looks through all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from comal_operator.core.names import (
    LABEL_MODEL_DEPLOYMENT,
    LABEL_MODEL_REGISTRY,
    LABEL_MODEL_VERSION,
    LABEL_TRAINING_RUN,
)
from comal_operator.core.plan import Manifest
from comal_operator.shell.nodes import node_of

_OWNERS = (
    LABEL_MODEL_DEPLOYMENT,
    LABEL_MODEL_REGISTRY,
    LABEL_MODEL_VERSION,
    LABEL_TRAINING_RUN,
)
_NODE = "node"
_MODEL = "model"
_OURS = ("TrainingRun", "ModelDeployment", "ModelRegistry", "ModelVersion")


class Fact(NamedTuple):
    """One thing that holds for an object."""

    what: str
    namespace: str
    value: str


def facts_of(body: Manifest) -> frozenset[Fact]:
    """Return all by which `body` can be found."""
    meta = body["metadata"]
    namespace, tags = meta.get("namespace", ""), meta.get("labels") or {}
    facts = {owned_by(label, namespace, tags[label]) for label in _OWNERS if label in tags}
    if body["kind"] == "Pod" and (node := node_of(body)):
        facts.add(on_node(node))
    if body["kind"] in _OURS:
        facts |= {about(model, namespace) for model in _models_of(body) or [""]}
    return frozenset(facts)


def owned_by(label: str, namespace: str, name: str) -> Fact:
    """Return what holds for those with this label."""
    return Fact(label, namespace, name)


def on_node(name: str) -> Fact:
    """Return what holds for the live Pods on a node."""
    return Fact(_NODE, "", name)


def about(model: str, namespace: str) -> Fact:
    """Return what holds for our own objects about that model; "" are those about none."""
    return Fact(_MODEL, namespace, model)


def sharing_a_model(body: Manifest) -> Iterator[Fact] | None:
    """Yield what our objects are found by that may be about the same; None is any of them."""
    models = _models_of(body)
    if not models:
        return None
    namespace = body["metadata"]["namespace"]
    return (about(model, namespace) for model in (*sorted(models), ""))


def _models_of(body: Manifest) -> set[str]:
    spec: Mapping[str, Any] = body.get("spec") or {}
    named = [spec.get("register") if body["kind"] == "TrainingRun" else spec.get("model")]
    variants: Iterable[Mapping[str, Any]] = spec.get("variants") or ()
    named += [one.get("model") for one in variants]
    names = [
        one if isinstance(one, str) else (one or {}).get("model") or (one or {}).get("name")
        for one in named
    ]
    return {str(name) for name in names if name}
