"""The series of a run that ends without `collect`: read while its workspace is still there."""

from __future__ import annotations

from datetime import timedelta

from comal_operator.core.children import is_ours
from comal_operator.core.conditions import is_true, parse_timestamp
from comal_operator.core.plan import Create
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.jobs import SERIES_SECONDS, series_job
from comal_operator.core.training.look import Look, Next, State
from comal_operator.core.training.objects import claim_name, run_child_name
from comal_operator.core.training.progress import with_metrics
from comal_operator.core.training.report import read_answer
from comal_operator.core.training.series import keep_series
from comal_trainer.contract import Collected

# A little more than the Job has itself: one that no controller looks at ends nothing.
_PATIENCE = timedelta(seconds=SERIES_SECONDS + 30)


def series_first(look: Look, following: Next) -> Next:
    """Return `following`, or, where that is the end, how the series is kept before it.

    Only of a run whose steps reported metrics, so that nobody waits for nothing; and whatever is
    in the way (a quota, a node, a Job that fails) leaves no series, and the end as it is.
    """
    if not _is_wanted(look, following.state):
        return following
    job, end = series_job(look), following.state
    text = f"{end.message}; keeping the metrics that were reported"
    going = State("Going", RunReason.COLLECTING, text, "series", end.facts, is_over=True)
    key = ("Job", job["metadata"]["name"])
    live = look.seen.get(*key)
    if live is None:
        return following if key in look.seen.refusals else Next(going, (Create(job),))
    left = parse_timestamp(live["metadata"]["creationTimestamp"]) + _PATIENCE - look.now
    failed = is_true(live.get("status", {}).get("conditions"), "Failed")
    if failed or left <= timedelta() or not is_ours(live, look.run):
        return following
    collected = read_answer(live, Collected, look.seen)
    if collected is None:
        return Next(going, look_again=left)
    return keep_series(look, job, collected, going) or following


def _is_wanted(look: Look, end: State) -> bool:
    if end.kind not in ("Complete", "Failed") or look.spec.sweep is not None:
        return False
    collected = end.facts.metrics is not None
    kept = look.seen.get("ConfigMap", run_child_name(look.run, "metrics")) is not None
    claim = look.seen.get("PersistentVolumeClaim", claim_name(look.run, look.spec))
    there = claim is not None and "deletionTimestamp" not in claim["metadata"]
    reported = with_metrics(look, end).facts.metrics
    return bool(reported) and there and not collected and not kept
