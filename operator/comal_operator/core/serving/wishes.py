"""What `spec.variants` asks for: for each its version, its Pods' size and its revision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from comal_operator.api.model_deployment import ModelDeploymentSpec
from comal_operator.api.model_deployment_status import ModelDeploymentStatus
from comal_operator.core.plan import Seen
from comal_operator.core.serving.images import Tagged
from comal_operator.core.serving.memory import plain
from comal_operator.core.serving.profile import sized
from comal_operator.core.serving.resolution import Resolved, Unresolved, requested, resolve
from comal_operator.core.serving.revision import Snapshot, revision_name
from comal_operator.core.serving.sight import Target, WantedVariant


@dataclass(frozen=True)
class Wish:
    """One variant as the spec has it."""

    name: str
    percent: str
    model: Resolved | Unresolved
    requested: str
    """The choice as one word."""
    spec: ModelDeploymentSpec
    """The spec with the size of this variant's Pods."""
    revision: str | None
    """None while its model or its image is unknown."""
    image: Tagged = field(default_factory=Tagged)
    """What its Pods run, or how far that is known."""

    def wanted(self, known: Mapping[str, Snapshot]) -> WantedVariant:
        """Return what a step towards it needs to know."""
        snapshot = known.get(self.revision or "")
        target = None
        if snapshot is not None:
            target = Target(snapshot.revision, snapshot.model_version, snapshot.digest)
        comes = isinstance(self.model, Unresolved) and self.model.waits
        return WantedVariant(self.name, self.percent, target, self.revision, comes)


def wishes_of(
    spec: ModelDeploymentSpec, status: ModelDeploymentStatus, seen: Seen
) -> tuple[Wish, ...]:
    """Return what the spec asks for, in its order."""
    found = {one.name: one.resolved for one in status.variants}
    wishes = []
    for one in spec.variants:
        model, own = sized(resolve(one.model, seen, found.get(one.name)), spec, seen)
        revision = (
            revision_name(model, own, variant=one.name) if isinstance(model, Resolved) else None
        )
        share = plain(Decimal(one.percent))
        wishes.append(Wish(one.name, share, model, requested(one.model), own, revision))
    return tuple(wishes)


def resolved_variants(
    wishes: tuple[Wish, ...], status: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """Return by name what the status says that each variant's model means."""
    found = {
        one["name"]: one["resolved"] for one in status.get("variants") or () if "resolved" in one
    }
    for wish in wishes:
        if isinstance(wish.model, Resolved):
            found[wish.name] = {
                "requested": wish.requested,
                "modelVersion": wish.model.model_version,
                "digest": wish.model.digest,
            }
    return found
