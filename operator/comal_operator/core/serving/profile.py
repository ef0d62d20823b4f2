"""`resources.fromProfile`: the size that the model version's profile recommends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comal_operator.api.model_deployment import ModelDeploymentSpec
from comal_operator.api.predictor import ScorerResources
from comal_operator.core.plan import Seen
from comal_operator.core.serving.reasons import ResolutionReason
from comal_operator.core.serving.resolution import Resolved, Unresolved


def sized(
    model: Resolved | Unresolved, spec: ModelDeploymentSpec, seen: Seen
) -> tuple[Resolved | Unresolved, ModelDeploymentSpec]:
    """Return the model and the spec with its Pods' size filled in from the model's profile.

    A revision is made of what comes out here: it keeps its size, whatever becomes of the version.
    """
    resources = spec.predictor.resources
    if resources is None or not resources.from_profile or isinstance(model, Unresolved):
        return model, spec
    version = seen.get("ModelVersion", model.model_version) or {}
    profile: Mapping[str, Any] = (version.get("spec") or {}).get("profile") or {}
    recommended = profile.get("recommended")
    if not recommended:
        told = f": {profile['message']}" if profile.get("message") else ""
        missing = f"{model.model_version} has no profile that recommends a size{told};"
        remedy = "give predictor.resources, or train with spec.profile"
        return Unresolved(ResolutionReason.PROFILE_NOT_FOUND, f"{missing} {remedy}"), spec
    amounts = {"cpu": recommended["cpu"], "memory": recommended["memory"]}
    found = ScorerResources.model_validate({"requests": amounts, "limits": amounts})
    predictor = spec.predictor.model_copy(update={"resources": found})
    return model, spec.model_copy(update={"predictor": predictor})
