"""After the end: what the run made goes when its time is over; the run itself never does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import ValidationError

from comal_operator.api.training_run import TrainingRun, TrainingRunSpec
from comal_operator.api.training_ttl import KeptFor, Ttl
from comal_operator.core.children import is_ours
from comal_operator.core.conditions import is_true, parse_timestamp
from comal_operator.core.durations import parse_duration, sooner
from comal_operator.core.plan import Action, Delete, Manifest, Plan, Ref, Seen
from comal_operator.core.training.cache_entry import is_kept
from comal_operator.core.training.last_series import still_read
from comal_operator.core.training.left_over import still_tells
from comal_operator.core.training.objects import claim_name
from comal_operator.core.training.report import delete

# Whether something else still needs the claim that a run made; each sees (claim, seen).
HOLDS: tuple[Callable[[Manifest, Seen], bool], ...] = (is_kept,)
_HELD_FOR = timedelta(minutes=10)


def has_ended(run: Manifest) -> bool:
    """Return whether the run's end is written down: it is final."""
    conditions = (run.get("status") or {}).get("conditions")
    return is_true(conditions, "Complete") or is_true(conditions, "Failed")


def after_the_end(run: Manifest, seen: Seen, now: datetime) -> Plan:
    """Return what is to be deleted of an ended run now, or when there is something to delete."""
    # Most runs ended long ago and keep everything: they cost nothing.
    if not run["spec"].get("ttl"):
        return Plan()
    try:
        typed = TrainingRun.model_validate(run)
    except ValidationError:
        return Plan()
    end = typed.status.completion_time
    if end is None:
        return Plan()
    reading = still_read(run, seen, now)
    if reading is not None:
        return Plan(requeue_after=reading)
    times = _kept_for(run, typed.spec.ttl)
    children = _Deadline(times.children, end, now)
    workspace = _Deadline(times.workspace, end, now)
    jobs, claim = _jobs(run, seen), _claim(run, typed.spec, seen)
    left = sooner(children.left if jobs else None, workspace.left if claim else None)
    actions: list[Action] = []
    if children.is_over:
        actions += [delete(job) for job in jobs]
    if claim is not None and workspace.is_over:
        if any(holds(claim, seen) for holds in HOLDS):
            left = sooner(left, _HELD_FOR)
        else:
            meta = claim["metadata"]
            ref = Ref("v1", "PersistentVolumeClaim", meta["namespace"], meta["name"])
            actions.append(Delete(ref, meta["uid"]))
    return Plan(tuple(actions), requeue_after=left)


def _kept_for(run: Manifest, ttl: Ttl) -> KeptFor:
    """Return the times for the way in which the run ended."""
    if ttl.failed is None or not is_true(run["status"]["conditions"], "Failed"):
        return ttl
    children, workspace = ttl.failed.children, ttl.failed.workspace
    return KeptFor(
        children=ttl.children if children is None else children,
        workspace=ttl.workspace if workspace is None else workspace,
    )


class _Deadline:
    """The end of something's time: long ago, some time `left`, or never."""

    def __init__(self, ttl: str | None, end: str, now: datetime) -> None:
        until = parse_timestamp(end) + parse_duration(ttl) if ttl is not None else None
        self.is_over = until is not None and until <= now
        self.left = until - now if until is not None and until > now else None


def _jobs(run: Manifest, seen: Seen) -> list[Manifest]:
    return [
        job
        for job in seen.all("Job")
        if is_ours(job, run) and "deletionTimestamp" not in job["metadata"] and not still_tells(job)
    ]


def _claim(run: Manifest, spec: TrainingRunSpec, seen: Seen) -> Manifest | None:
    """Return the claim that goes with the run: not one that it was given or is to keep."""
    if spec.workspace.existing_claim is not None or spec.workspace.retain:
        return None
    claim = seen.get("PersistentVolumeClaim", claim_name(run, spec))
    if claim is None or not is_ours(claim, run) or "deletionTimestamp" in claim["metadata"]:
        return None
    return claim
