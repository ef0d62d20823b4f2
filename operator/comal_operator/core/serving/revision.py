"""Revisions: what makes one, and the snapshot from which its Pods are made for ever after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from comal_operator.api.model_deployment import ModelDeploymentSpec
from comal_operator.core.children import child_metadata, is_ours
from comal_operator.core.names import LABEL_REVISION, LABEL_VARIANT, short_hash
from comal_operator.core.plan import Manifest, Seen, Settings
from comal_operator.core.serving.labels import revision_labels
from comal_operator.core.serving.pod_environment import beyond_predictor
from comal_operator.core.serving.pods import pod_template
from comal_operator.core.serving.resolution import Resolved


@dataclass(frozen=True)
class Snapshot:
    """A revision as it was when it was first wanted."""

    revision: str
    number: int
    model_version: str
    digest: str
    template: Mapping[str, Any]
    """The whole Pod template: neither Git, nor the registry's objects, nor a newer operator that
    would render it differently is needed, or can change it.
    """
    source: Manifest
    """The ControllerRevision."""
    variant: str = ""
    """Name of the variant that it is of."""


def revision_name(model: Resolved, spec: ModelDeploymentSpec, *, variant: str = "") -> str:
    """Return the hash of what makes a revision: model digest, image, predictor.

    Of a variant its name too: it has Pods of its own, even with the model that others serve.

    Defaults are left out, and the operator's own image is no image, so that neither a field added
    by an upgrade nor its new image starts a rollout. Nor do replicas, rollout and timeouts, but
    what else Pods must know does.
    """
    predictor = spec.predictor.model_dump(
        mode="json",
        by_alias=True,
        exclude_none=True,
        exclude_defaults=True,
        exclude={"startup_timeout"},
    )
    named = [{"variant": variant}] if variant else []
    return short_hash(model.digest, spec.image, predictor, *beyond_predictor(spec), *named)


def child_of_revision(mdep: Manifest, revision: str) -> str:
    """Return the name that a revision's Deployment, Service and ControllerRevision share."""
    return f"{mdep['metadata']['name']}-{revision}"


def controller_revision(
    mdep: Manifest,
    model: Resolved,
    spec: ModelDeploymentSpec,
    settings: Settings,
    number: int,
    *,
    image: str | None = None,
    variant: str = "",
) -> Manifest:
    """Return the snapshot of what `spec` wants now, with the `image` that its tag was found to
    name; created once, never changed.
    """
    revision = revision_name(model, spec, variant=variant)
    marks = revision_labels(mdep, revision) | ({LABEL_VARIANT: variant} if variant else {})
    found = spec.model_copy(update={"image": image or spec.image})
    template = pod_template(mdep, revision, model, found, settings)
    template["metadata"]["labels"] |= {LABEL_VARIANT: variant} if variant else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": child_metadata(mdep, child_of_revision(mdep, revision), marks),
        "revision": number,
        "data": {
            "modelVersion": model.model_version,
            "digest": model.digest,
            "template": template,
        },
    }


def snapshots(mdep: Manifest, seen: Seen) -> dict[str, Snapshot]:
    """Return the revisions that `mdep` has ever had and still remembers, by name."""
    found = {}
    for one in seen.all("ControllerRevision"):
        marks = one["metadata"].get("labels") or {}
        revision = marks.get(LABEL_REVISION)
        if revision is None or not is_ours(one, mdep):
            continue
        data = one["data"]
        found[revision] = Snapshot(
            revision,
            one["revision"],
            data["modelVersion"],
            data["digest"],
            data["template"],
            one,
            marks.get(LABEL_VARIANT, ""),
        )
    return found
