"""Everything that one look at an endpoint has found out, before anything is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from comal_operator.api.model_deployment import ModelDeployment, ModelDeploymentSpec
from comal_operator.core.children import is_ours
from comal_operator.core.conditions import find, parse_timestamp
from comal_operator.core.plan import Manifest, Seen, Settings
from comal_operator.core.serving.answer_jobs import answer_round
from comal_operator.core.serving.autoscaling import with_capacity
from comal_operator.core.serving.check_jobs import check_rounds
from comal_operator.core.serving.images import Tagged, tagged
from comal_operator.core.serving.importing import Importing, importing
from comal_operator.core.serving.memory import Memory
from comal_operator.core.serving.observed import (
    RevisionSeen,
    RoutersSeen,
    see_revisions,
    see_routers,
)
from comal_operator.core.serving.profile import sized
from comal_operator.core.serving.requests import request_of
from comal_operator.core.serving.resolution import (
    Resolved,
    Unresolved,
    newer_than,
    requested,
    resolve,
)
from comal_operator.core.serving.revision import Snapshot, revision_name, snapshots
from comal_operator.core.serving.rollout import advance
from comal_operator.core.serving.router import TRAFFIC_ANNOTATION, router_name
from comal_operator.core.serving.schedule import Schedule
from comal_operator.core.serving.sight import Sight, Target
from comal_operator.core.serving.smoke import smoke_result
from comal_operator.core.serving.spans_sent import spans_sent
from comal_operator.core.serving.wishes import Wish, wishes_of
from comal_operator.core.serving.written_memory import recovered, remembered

_ASK_AGAIN = timedelta(seconds=1)
_ASK_AGAIN_AT_LAST = timedelta(seconds=30)


@dataclass(frozen=True)
class Looked:
    """One look: what is wanted, what is there, what is remembered and what shall be."""

    mdep: Manifest
    spec: ModelDeploymentSpec
    model: Resolved | Unresolved
    importing: Importing | None
    """How the model comes here that the spec names by its uri."""
    image: Tagged
    """What the Pods of that revision run, or how far that is known."""
    revision: str | None
    """The revision that the spec wants; None while its model or image is unknown."""
    newer: str | None
    """The ModelVersion that the spec means by now, where autoUpdate: false keeps another."""
    wishes: tuple[Wish, ...]
    """What the spec wants beside it: its variants."""
    snapshots: Mapping[str, Snapshot]
    revisions: Mapping[str, RevisionSeen]
    routers: RoutersSeen
    has_service: bool
    """Whether callers have the one name that leads to the routers."""
    told: list[Mapping[str, str] | None] | None
    """What each router that callers reach runs (None: silent); None if not all were asked yet."""
    spans: list[dict[str, Any]]
    """The condition that tells whether they reach Azure Monitor; none where they shall not."""
    sight: Sight
    before: Memory
    """What the last look wrote down."""
    memory: Memory
    """What this look has to write down before it does anything."""

    @property
    def schedule(self) -> Schedule:
        """The spec's rollout, parsed."""
        return self.sight.schedule

    @property
    def images(self) -> tuple[Tagged, ...]:
        """How far the images of all revisions are known that the spec wants."""
        return self.image, *(one.image for one in self.wishes)

    @property
    def has_news(self) -> bool:
        """Whether there is something to write down."""
        return self.memory != self.before

    def patience(self, now: datetime) -> timedelta:
        """Return how long to wait before the routers are asked or told again.

        They follow within half a second when all is well; one that has not for long is broken, and
        asking it each second would not mend it.
        """
        said = find((self.mdep.get("status") or {}).get("conditions"), "RouteReady")
        starts = [one.since + self.schedule.drain for one in self.memory.draining if one.since]
        if said is not None and said["status"] == "False":
            starts.append(parse_timestamp(said["lastTransitionTime"]))
        waited = max((now - one for one in starts), default=_ASK_AGAIN)
        return min(max(waited / 4, _ASK_AGAIN), _ASK_AGAIN_AT_LAST)


def look(mdep: Manifest, seen: Seen, now: datetime, settings: Settings) -> Looked:
    """Return what one look finds; raise ValidationError for a body that does not parse."""
    parsed = ModelDeployment.model_validate(mdep)
    status = parsed.status
    comes = importing(mdep, parsed.spec.model, seen, now, settings)
    model, spec = sized(_meant(parsed, seen, comes), parsed.spec, seen)
    known = snapshots(mdep, seen)
    at = (seen, now, settings)
    wanted = revision_name(model, spec) if isinstance(model, Resolved) else None
    image = _image(mdep, spec, wanted, known, at)
    model = image.unresolved or model
    revision = wanted if image.unresolved is None else None
    wishes = tuple(
        _with_image(one, _image(mdep, one.spec, one.revision, known, at))
        for one in wishes_of(parsed.spec, status, seen)
    )
    revisions = see_revisions(mdep, seen)
    routers = see_routers(seen, now)
    before = remembered(status)
    routers = replace(routers, counting=before.weight is not None)
    told = routers.told(seen)
    schedule = Schedule.of(spec)
    revisions = with_capacity(revisions, spec, before, schedule)
    memory = _with_news(_whole(before, mdep, seen, known, now), told)
    sight = Sight(
        now=now,
        schedule=schedule,
        revisions=revisions,
        target=_target(revision, known),
        variants=tuple(one.wanted(known) for one in wishes),
        is_resolved=revision is not None,
        is_confirmed=bool(told) and all(one == memory.traffic for one in told or ()),
        readings=routers.readings(seen),
        smoke=smoke_result(mdep, memory, schedule, seen),
        request=request_of(mdep["metadata"].get("annotations")),
    )
    sight = replace(
        sight,
        checks=check_rounds(mdep, memory, sight, seen),
        compared=answer_round(mdep, memory, sight, seen),
    )
    memory = advance(memory, sight)
    return Looked(
        mdep=mdep,
        spec=spec,
        model=model,
        importing=comes,
        image=image,
        revision=revision,
        newer=newer_than(parsed.spec.model, seen, model.model_version)
        if isinstance(model, Resolved)
        else None,
        wishes=wishes,
        snapshots=known,
        revisions=revisions,
        routers=routers,
        has_service=_has_service(mdep, seen),
        told=told,
        spans=spans_sent(mdep, parsed.spec.telemetry, seen, settings),
        sight=sight,
        before=before,
        memory=memory,
    )


def _image(
    mdep: Manifest,
    spec: ModelDeploymentSpec,
    revision: str | None,
    known: Mapping[str, Snapshot],
    at: tuple[Seen, datetime, Settings],
) -> Tagged:
    """Return what a revision's Pods are to run; what has a snapshot is asked for never again."""
    if revision is None or revision in known:
        return Tagged(spec.image)
    return tagged(mdep, spec, revision, at)


def _with_image(wish: Wish, image: Tagged) -> Wish:
    if image.unresolved is None:
        return replace(wish, image=image)
    return replace(wish, model=image.unresolved, revision=None, image=image)


def _meant(parsed: ModelDeployment, seen: Seen, comes: Importing | None) -> Resolved | Unresolved:
    """Return the version that the spec means; one that is imported has to be here first."""
    if comes is not None and comes.unresolved is not None:
        return comes.unresolved
    imported = comes.version if comes is not None else ""
    return resolve(parsed.spec.model, seen, parsed.status.resolved, imported)


def resolved_on_wire(looked: Looked) -> dict[str, str] | None:
    """Return what the status says that `spec.model` means."""
    if isinstance(looked.model, Unresolved):
        return None
    return {
        "requested": requested(looked.spec.model),
        "modelVersion": looked.model.model_version,
        "digest": looked.model.digest,
    }


def _has_service(mdep: Manifest, seen: Seen) -> bool:
    service = seen.get("Service", mdep["metadata"]["name"])
    return service is not None and is_ours(service, mdep)


def _target(revision: str | None, known: Mapping[str, Snapshot]) -> Target | None:
    """Return the wanted revision once its snapshot exists: nothing is remembered without one."""
    snapshot = known.get(revision or "")
    if snapshot is None:
        return None
    return Target(snapshot.revision, snapshot.model_version, snapshot.digest)


def _whole(
    memory: Memory, mdep: Manifest, seen: Seen, known: Mapping[str, Snapshot], now: datetime
) -> Memory:
    router = seen.get("Deployment", router_name(mdep))
    annotations = (router or {}).get("metadata", {}).get("annotations") or {}
    written = annotations.get(TRAFFIC_ANNOTATION, "")
    facts = {name: (one.variant, one.model_version, one.digest) for name, one in known.items()}
    return recovered(memory, written, facts, now)


def _with_news(memory: Memory, told: list[Mapping[str, str] | None] | None) -> Memory:
    """Return `memory` with what all routers say; routers that differ have said nothing yet."""
    if not told or None in told or any(one != told[0] for one in told):
        return memory
    return replace(memory, acknowledged=dict(told[0] or {}))
