"""How a ModelDeployment's children are labelled and told apart."""

from __future__ import annotations

from comal_operator.core.names import LABEL_MODEL_DEPLOYMENT, LABEL_REVISION, labels
from comal_operator.core.plan import Manifest

ROUTER = "router"
SCORER = "scorer"
ENDPOINT = "endpoint"
SMOKE = "smoke"
CHECK = "check"
IMAGES = "images"
SPANS = "spans"


def serving_labels(mdep: Manifest, component: str) -> dict[str, str]:
    """Return the labels of a child that belongs to no revision."""
    return labels(component, **{LABEL_MODEL_DEPLOYMENT: mdep["metadata"]["name"]})


def revision_labels(mdep: Manifest, revision: str) -> dict[str, str]:
    """Return the labels of a child that belongs to one revision, its Pods included."""
    return {**serving_labels(mdep, SCORER), LABEL_REVISION: revision}


def component_selector(mdep: Manifest, component: str) -> dict[str, str]:
    """Return what selects the Pods of one component."""
    return {
        "app.kubernetes.io/component": component,
        LABEL_MODEL_DEPLOYMENT: mdep["metadata"]["name"],
    }


def revision_selector(mdep: Manifest, revision: str) -> dict[str, str]:
    """Return what selects the Pods of one revision; never changed, as no Pod ever moves."""
    return {LABEL_MODEL_DEPLOYMENT: mdep["metadata"]["name"], LABEL_REVISION: revision}
