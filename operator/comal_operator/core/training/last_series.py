"""The series of a run that ends without `collect`: read while its workspace is still there.

Whether steps wrote one is not known from here, so a small Job looks. Where the operator heard of
metrics, the end waits for it: whoever is told that the run is over finds its series. A run that
is cancelled, or whose steps told nothing, ends at once, and its series is kept when it comes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from comal_operator.core.children import is_ours
from comal_operator.core.conditions import is_true, parse_timestamp
from comal_operator.core.plan import Create, LogTail, Manifest, Plan, Seen
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.jobs import SERIES_SECONDS, series_job
from comal_operator.core.training.look import Look, Next, State
from comal_operator.core.training.objects import SERIES, claim_name, run_child_name
from comal_operator.core.training.progress import with_metrics
from comal_operator.core.training.report import read_answer
from comal_operator.core.training.series import keep_series, kept
from comal_trainer.contract import Collected

# A little more than the Job has itself: one that no controller looks at ends nothing.
_PATIENCE = timedelta(seconds=SERIES_SECONDS + 30)
_COMPONENT = "app.kubernetes.io/component"


def series_first(look: Look, following: Next) -> Next:
    """Return `following`, or, where that is the end, how the series is kept before it.

    Whatever is in the way (a quota, a node, a Job that fails) leaves no series, and the end as it
    is.
    """
    end = following.state
    if not _is_wanted(look, end):
        return following
    job = series_job(look)
    key = ("Job", job["metadata"]["name"])
    live = look.seen.get(*key)
    if live is None and key in look.seen.refusals:
        return following
    if end.kind == "Cancelled" or not _is_told(look, end):
        return following if live is not None else replace(following, made_first=(Create(job),))
    text = f"{end.message}; keeping the metrics that were reported"
    going = State("Going", RunReason.COLLECTING, text, "series", end.facts, is_over=True)
    if live is None:
        return Next(going, (Create(job),))
    left = _left(live, look.now)
    if left <= timedelta() or _has_failed(live) or not is_ours(live, look.run):
        return following
    collected = read_answer(live, Collected, look.seen)
    if collected is None:
        return Next(going, look_again=left)
    return keep_series(look, job, collected, going) or following


def late_series(run: Manifest, seen: Seen) -> Plan | None:
    """Return how the series is kept that came after the end; None when there is none to keep."""
    job = _job(run, seen)
    said = read_answer(job, Collected, seen) if job is not None else None
    if job is None or said is None:
        return None
    found = kept(run, job, said, seen)
    if isinstance(found, LogTail):
        # An answer of no use is none to wait for.
        return Plan(questions=(found,))
    return Plan((found,)) if found is not None else None


def still_read(run: Manifest, seen: Seen, now: datetime) -> timedelta | None:
    """Return for how long at most the workspace of an ended run is still read; None: it is not."""
    job = _job(run, seen)
    if job is None or _has_failed(job) or read_answer(job, Collected, seen) is not None:
        return None
    left = _left(job, now)
    return left if left > timedelta() else None


def _job(run: Manifest, seen: Seen) -> Manifest | None:
    found = (job for job in seen.all("Job") if is_ours(job, run))
    return next((job for job in found if job["metadata"]["labels"].get(_COMPONENT) == SERIES), None)


def _left(job: Manifest, now: datetime) -> timedelta:
    return parse_timestamp(job["metadata"]["creationTimestamp"]) + _PATIENCE - now


def _has_failed(job: Manifest) -> bool:
    return is_true(job.get("status", {}).get("conditions"), "Failed")


def _is_wanted(look: Look, end: State) -> bool:
    if not end.is_final or look.spec.sweep is not None:
        return False
    collected = end.facts.metrics is not None
    is_kept = look.seen.get("ConfigMap", run_child_name(look.run, "metrics")) is not None
    claim = look.seen.get("PersistentVolumeClaim", claim_name(look.run, look.spec))
    there = claim is not None and "deletionTimestamp" not in claim["metadata"]
    return there and not collected and not is_kept and (_has_run(look) or _is_told(look, end))


def _has_run(look: Look) -> bool:
    """Return whether any step's container has started here: it may have written a series."""
    steps = (*look.status.steps, *look.steps)
    return any(step.node or step.image for step in steps if step.state != "Cached")


def _is_told(look: Look, end: State) -> bool:
    return bool(with_metrics(look, end).facts.metrics)
