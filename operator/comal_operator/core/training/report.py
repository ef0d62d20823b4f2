"""What the operator's own Jobs say: one JSON text in the termination message of their Pod."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from comal_operator.core.children import is_ours
from comal_operator.core.conditions import find, is_true, parse_timestamp
from comal_operator.core.plan import Delete, Manifest, Ref, Seen
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.look import Look, Next, State, create, troubled
from comal_operator.core.training.objects import claim_name
from comal_operator.core.training.pods import ended, pods_of
from comal_operator.core.training.problems import diagnose
from comal_trainer.contract import ContractError, _Message

Answer = TypeVar("Answer", bound=_Message)
RETRY = timedelta(minutes=1)


@dataclass(frozen=True)
class Report(Generic[Answer]):
    """The answer, or how to come by it."""

    answer: Answer | None = None
    next: Next | None = None


def report(
    look: Look, job: Manifest, kind: type[Answer], state: State, failed: RunReason
) -> Report[Answer]:
    """Return what `job`, one of the operator's own, said; it is made where it is missing.

    These Jobs may run any number of times with the same result, so an answer that is gone with
    its Pod is fetched again, and a Job that failed is tried again every minute.
    """
    there = create(look, (job,), state)
    if there is not None:
        return Report(next=there)
    live = look.seen.get("Job", job["metadata"]["name"])
    if live is None or not is_ours(live, look.run):  # create() has dealt with both
        return Report(next=Next(state))
    status = live.get("status", {})
    if is_true(status.get("conditions"), "Failed"):
        since = (find(status["conditions"], "Failed") or {}).get("lastTransitionTime")
        return Report(next=retry(look, live, state, failed, why=why(live, look), since=since))
    if not is_true(status.get("conditions"), "Complete"):
        claim = look.seen.get("PersistentVolumeClaim", claim_name(look.run, look.spec))
        name = state.active_step or ""
        found = diagnose(look.run, name, live, claim=claim, seen=look.seen, now=look.now)
        return Report(next=troubled(state, found))
    return _read(look, live, kind, state, failed)


def read_answer(job: Manifest, kind: type[Answer], seen: Seen) -> Answer | None:
    """Return what a Complete `job` of the operator's own said; None while it is not to be read."""
    if not is_true(job.get("status", {}).get("conditions"), "Complete"):
        return None
    ends = [end for end in map(ended, pods_of(job, seen)) if end and end.exit_code == 0]
    try:
        return kind.decode(ends[-1].message) if ends else None
    except ContractError:
        return None


def _read(
    look: Look, job: Manifest, kind: type[Answer], state: State, failed: RunReason
) -> Report[Answer]:
    pods = pods_of(job, look.seen)
    if not pods:
        return Report(next=Next(state, (delete(job),)))
    ends = [end for end in map(ended, pods) if end is not None and end.exit_code == 0]
    if not ends:
        return Report(next=Next(state, look_again=timedelta(seconds=1)))
    try:
        return Report(answer=kind.decode(ends[-1].message))
    except ContractError as error:
        since = job.get("status", {}).get("completionTime")
        return Report(next=retry(look, job, state, failed, why=str(error), since=since))


def retry(
    look: Look, job: Manifest, state: State, reason: RunReason, *, why: str, since: str | None
) -> Next:
    """Return how a Job of ours that could not do its work is done again, a minute later."""
    waited = look.now - parse_timestamp(since) if since else RETRY
    if waited >= RETRY:
        return Next(state, (delete(job),))
    text = f"{state.active_step} could not be done and is tried again every minute: {why}"
    stalled = State("Stalled", reason, text, state.active_step, state.facts)
    return Next(stalled, look_again=RETRY - waited)


def delete(job: Manifest) -> Delete:
    """Return the deletion of exactly this Job."""
    meta = job["metadata"]
    ref = Ref("batch/v1", "Job", meta["namespace"], meta["name"])
    return Delete(ref, meta["uid"])


def why(job: Manifest, look: Look) -> str:
    """Return why a Job of ours failed, as far as its last Pod tells."""
    ends = [end for end in map(ended, pods_of(job, look.seen)) if end is not None]
    failed = find(job["status"]["conditions"], "Failed") or {}
    if not ends:
        return str(failed.get("message", "its Pods failed"))
    last = ends[-1]
    return f"exit code {last.exit_code} {last.reason} {last.message[-400:]}".strip()
