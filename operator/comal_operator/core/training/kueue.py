"""Runs that name a queue: Kueue decides when the Job of each step starts.

Each Job is created suspended, with the queue's label. From then on its `suspend` is Kueue's alone;
a run that is suspended says so to Kueue, by the `active` of the Job's Workload.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from comal_operator.api.training_step import Step
from comal_operator.core.conditions import find, is_true, parse_timestamp
from comal_operator.core.plan import Action, Apply, Manifest, Question, WorkloadOf
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.left_over import live_jobs
from comal_operator.core.training.look import Look, Next, State
from comal_operator.core.training.on_its_way import on_its_way
from comal_operator.core.training.parts import JobParts
from comal_operator.core.training.report import delete

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
JOB_UID_LABEL = "kueue.x-k8s.io/job-uid"
# Kueue notices a new Job within this.
_NOTICES = timedelta(seconds=15)
_SOON = timedelta(seconds=3)
# Admission itself wakes us, by the Job; only the message may be this old.
_LOOK_AGAIN = timedelta(seconds=30)


def parts(look: Look, _: Step) -> JobParts:
    """Return what puts a step's Job into the run's queue.

    Suspended from its first moment: Kueue's webhook would do that, but need not be there.
    """
    if look.spec.queue is None:
        return JobParts()
    return JobParts(job={"suspend": True}, job_labels={QUEUE_LABEL: look.spec.queue})


def is_held(job: Manifest) -> bool:
    """Return whether Kueue has not admitted the Job, or has taken its admission back."""
    return is_queued(job) and bool(job.get("spec", {}).get("suspend"))


def is_queued(job: Manifest) -> bool:
    """Return whether the Job is Kueue's to start and stop."""
    return QUEUE_LABEL in (job["metadata"].get("labels") or {})


def held(look: Look, step: str, job: Manifest, state: State) -> Next:
    """Return the state of a step whose Job waits in its queue, in Kueue's own words."""
    found = _workloads(look, job)
    if isinstance(found, WorkloadOf):
        return Next(state, questions=(found,))
    queue = look.spec.queue
    if found is None:
        text = (
            f"the run names queue {queue}, but the cluster has no Kueue: install it, the run goes"
            " on then; or make a new run without queue"
        )
        missing = State("Stalled", RunReason.KUEUE_MISSING, text, step, state.facts)
        return Next(missing, look_again=_LOOK_AGAIN)
    text, again = _said(look, job, found)
    text = f"step {step} waits in queue {queue}: {text}"
    waits = State("Going", RunReason.WAITING_IN_QUEUE, text, step, state.facts)
    return Next(waits, look_again=again)


def hold(look: Look) -> Next | None:
    """Return how Kueue is told that a run is suspended; None once it knows."""
    return _told(look, active=False) if look.spec.suspend else None


def resume(look: Look) -> Next | None:
    """Return how Kueue is told that a run goes on that was suspended; None once it knows.

    Only then: a Workload that somebody else made inactive stays so.
    """
    was_suspended = is_true((look.run.get("status") or {}).get("conditions"), "Suspended")
    return _told(look, active=True) if was_suspended and not look.spec.suspend else None


def _told(look: Look, *, active: bool) -> Next | None:
    questions: list[Question] = []
    actions: list[Action] = []
    for job in live_jobs(look):
        if not is_queued(job):
            continue
        found = _workloads(look, job)
        if isinstance(found, WorkloadOf):
            questions.append(found)
        elif not found and not active:
            # Nothing that could be told: the Job has not run, and is made again later.
            actions.append(delete(job))
        elif found and found[0].get("spec", {}).get("active", True) is not active:
            actions.append(_set_active(found[0], active=active))
    if questions:
        return Next(on_its_way(look), questions=tuple(questions))
    return Next(on_its_way(look), tuple(actions)) if actions else None


def _set_active(workload: Manifest, *, active: bool) -> Apply:
    meta = workload["metadata"]
    return Apply(
        (
            {
                "apiVersion": workload["apiVersion"],
                "kind": "Workload",
                "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
                "spec": {"active": active},
            },
        )
    )


def _workloads(look: Look, job: Manifest) -> Sequence[Manifest] | WorkloadOf | None:
    """Return the Job's Workloads, None where there is no Kueue, or what must be asked first."""
    question = WorkloadOf(job["metadata"]["uid"])
    if question not in look.seen.answers:
        return question
    found = look.seen.answers[question]
    if found is None:
        return None
    # What this pass wrote itself is newer than its answer.
    return [look.seen.get("Workload", one["metadata"]["name"]) or one for one in found]


def _said(look: Look, job: Manifest, found: Sequence[Manifest]) -> tuple[str, timedelta]:
    if not found:
        made = job["metadata"].get("creationTimestamp")
        if made and look.now - parse_timestamp(made) < _NOTICES:
            return "Kueue has not looked at it yet", _SOON
        text = (
            f"Kueue has made no Workload for Job {job['metadata']['name']}; does it run, with the"
            " integration batch/job?"
        )
        return text, _LOOK_AGAIN
    workload = found[0]
    if workload.get("spec", {}).get("active") is False:
        return f"Workload {workload['metadata']['name']} is not active", _LOOK_AGAIN
    conditions = (workload.get("status") or {}).get("conditions")
    for kind in ("Admitted", "QuotaReserved"):
        item = find(conditions, kind)
        if item is not None and item.get("status") == "True":
            return "it is about to start" if kind == "Admitted" else _checks(workload), _LOOK_AGAIN
    refused = find(conditions, "QuotaReserved") or {}
    return str(refused.get("message") or "Kueue has not decided yet"), _LOOK_AGAIN


def _checks(workload: Manifest) -> str:
    pending = [
        f"{one.get('name')}: {one.get('message') or one.get('state')}"
        for one in (workload.get("status") or {}).get("admissionChecks") or ()
        if one.get("state") != "Ready"
    ]
    return f"quota is reserved, admission checks are not through ({'; '.join(pending)})"
