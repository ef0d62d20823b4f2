"""The end of revisions: their Pods once nobody can reach them, then what is kept of them."""

from __future__ import annotations

from datetime import datetime

from comal_operator.core.children import is_ours
from comal_operator.core.plan import Action, Apply, Delete, Manifest, Ref, Seen
from comal_operator.core.serving.looked import Looked
from comal_operator.core.serving.missing import needs
from comal_operator.core.serving.observed import RevisionSeen
from comal_operator.core.serving.revision import child_of_revision
from comal_operator.core.serving.revision_children import emptied
from comal_operator.core.serving.rollout import drained


def retirements(looked: Looked, seen: Seen, now: datetime) -> tuple[Action, ...]:
    """Return what takes the Pods of those that every router has left for long enough."""
    actions: list[Action] = []
    for revision in drained(looked.memory, looked.schedule, now):
        name = child_of_revision(looked.mdep, revision)
        there = seen.get("Deployment", name)
        if there is None or not is_left(looked, revision):
            continue
        snapshot = looked.snapshots.get(revision)
        if snapshot is not None:
            empty = emptied(looked, seen, snapshot)
            actions += [Apply((empty,))] if needs(empty, looked.mdep, seen) else []
        else:
            actions.append(_deleted(there))
    return tuple(actions)


def is_left(looked: Looked, revision: str) -> bool:
    """Return whether no router can send anything there: all have just been asked."""
    told = looked.told
    if not told or looked.routers.leaving:
        return False
    return all(one is not None and revision not in one for one in told)


def forgotten(looked: Looked, seen: Seen) -> tuple[Action, ...]:
    """Return the removal of revisions beyond the limit that nothing needs any more."""
    kept = looked.memory.in_use | {one.revision for one in looked.memory.draining}
    kept |= {looked.revision or "", *(one.revision or "" for one in looked.wishes)}
    idle = [
        one
        for one in looked.snapshots.values()
        if one.revision not in kept
        and not looked.revisions.get(one.revision, RevisionSeen()).wanted
    ]
    idle.sort(key=lambda one: one.number, reverse=True)
    actions: list[Action] = []
    # Nobody goes back to a variant that is gone.
    past = [one for one in idle if not one.variant][looked.spec.revision_history_limit :]
    for old in [*past, *(one for one in idle if one.variant)]:
        name = child_of_revision(looked.mdep, old.revision)
        for kind in ("Deployment", "Service", "PodDisruptionBudget", "ControllerRevision"):
            there = seen.get(kind, name)
            if there is not None and is_ours(there, looked.mdep):
                actions += [] if "deletionTimestamp" in there["metadata"] else [_deleted(there)]
    return tuple(actions)


def _deleted(there: Manifest) -> Delete:
    meta = there["metadata"]
    return Delete(Ref.of(there), meta["uid"], meta.get("resourceVersion"))
