"""The children of the revisions in use: Deployment, Service, budget, and who scales them."""

from __future__ import annotations

from comal_operator.core.plan import Action, Apply, Delete, Manifest, Ref, Seen
from comal_operator.core.serving.autoscaling import (
    SCALE_MANAGER,
    autoscaler,
    hand_over,
    is_handed_over,
    least_pods,
    planned_pods,
    superfluous,
    with_replicas,
)
from comal_operator.core.serving.disruption import revision_budget
from comal_operator.core.serving.looked import Looked
from comal_operator.core.serving.objects import revision_deployment, revision_service
from comal_operator.core.serving.revision import Snapshot, child_of_revision


def revision_children(looked: Looked, seen: Seen) -> list[Manifest]:
    """Return what shall exist of the revisions in use; those that drain keep what they have."""
    found: list[Manifest] = []
    for revision in sorted(looked.memory.in_use):
        found.append(revision_service(looked.mdep, revision))
        found.append(revision_budget(looked.mdep, revision))
        snapshot = looked.snapshots.get(revision)
        if snapshot is None:
            continue
        found.append(_deployment(looked, seen, snapshot))
        scaling = looked.spec.autoscaling
        if scaling is not None and is_handed_over(_live(looked, seen, revision)):
            found.append(autoscaler(looked.mdep, revision, scaling, _least(looked, revision)))
    return found


def emptied(looked: Looked, seen: Seen, snapshot: Snapshot) -> Manifest:
    """Return the Deployment of a revision that loses its Pods, whoever scaled it."""
    live = _live(looked, seen, snapshot.revision)
    return with_replicas(revision_deployment(looked.mdep, snapshot), live, 0)


def hand_overs(looked: Looked, seen: Seen) -> tuple[Action, ...]:
    """Return what leaves `replicas` to the autoscalers, where it is still ours."""
    if looked.spec.autoscaling is None:
        return ()
    live = [_live(looked, seen, revision) for revision in sorted(looked.memory.in_use)]
    ours = tuple(
        hand_over(one)
        for one in live
        if one is not None
        and one["spec"].get("replicas")
        and not is_handed_over(one)
        and ("Deployment", one["metadata"]["name"]) not in seen.refusals
    )
    return (Apply(ours, SCALE_MANAGER),) if ours else ()


def without_autoscalers(looked: Looked, seen: Seen) -> tuple[Action, ...]:
    """Return the end of autoscalers that have nothing to scale any more."""
    memory = looked.memory
    needed = memory.in_use | {one.revision for one in memory.draining}
    found = superfluous(looked.mdep, seen, looked.spec.autoscaling, needed)
    return tuple(Delete(Ref.of(one), one["metadata"]["uid"]) for one in found)


def _deployment(looked: Looked, seen: Seen, snapshot: Snapshot) -> Manifest:
    live = _live(looked, seen, snapshot.revision)
    manifest = revision_deployment(looked.mdep, snapshot)
    if looked.spec.autoscaling is None:
        return with_replicas(manifest, live, _planned(looked, snapshot.revision))
    if is_handed_over(live):
        return with_replicas(manifest, live, None)
    here = (live or {}).get("spec", {}).get("replicas") or 0
    return with_replicas(manifest, live, max(here, _least(looked, snapshot.revision)))


def _least(looked: Looked, revision: str) -> int:
    scaling = looked.spec.autoscaling
    if scaling is None:
        return _planned(looked, revision)
    return least_pods(revision, scaling, looked.memory, looked.revisions, looked.schedule)


def _planned(looked: Looked, revision: str) -> int:
    memory = looked.memory
    ahead = memory.weight is None or memory.step_since is not None
    return planned_pods(revision, looked.spec, memory, looked.schedule, ahead=ahead)


def _live(looked: Looked, seen: Seen, revision: str) -> Manifest | None:
    return seen.get("Deployment", child_of_revision(looked.mdep, revision))
