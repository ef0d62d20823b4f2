"""What earlier attempts left: Jobs judged before they ended, Pods whose node is gone."""

from __future__ import annotations

from comal_operator.core.children import is_ours
from comal_operator.core.conditions import is_true
from comal_operator.core.names import LABEL_STEP
from comal_operator.core.plan import Action, Manifest
from comal_operator.core.training.interruptions import force_delete, node_loss
from comal_operator.core.training.look import Look, Next
from comal_operator.core.training.objects import NOTIFY, SERIES, STEP
from comal_operator.core.training.on_its_way import on_its_way
from comal_operator.core.training.pods import is_over
from comal_operator.core.training.report import delete

_COMPONENT = "app.kubernetes.io/component"


def clear_away(look: Look) -> Next | None:
    """Return how what no attempt needs any more is stopped; None when nothing is left.

    First the Jobs, then the Pods: a Pod's finalizer is its Job's until the Job is gone.
    """
    actions: tuple[Action, ...] = tuple(delete(job) for job in _left_jobs(look))
    actions = actions or tuple(
        action
        for pod in look.seen.all("Pod")
        if _is_stranded(pod, look) and (action := force_delete(pod)) is not None
    )
    return Next(on_its_way(look), actions) if actions else None


def live_jobs(look: Look) -> list[Manifest]:
    """Return the run's Jobs that have not ended, the operator's own among them.

    Not what a run's end waits for: the series of metrics, or a webhook.
    """
    return [
        job
        for job in look.seen.all("Job")
        if is_ours(job, look.run)
        and not has_ended(job)
        and not _is_going(job)
        and not still_tells(job)
        and job["metadata"]["labels"].get(_COMPONENT) != SERIES
    ]


def still_tells(job: Manifest) -> bool:
    """Return whether a webhook is being told: that goes on whatever becomes of the run."""
    is_notice = job["metadata"]["labels"].get(_COMPONENT) == NOTIFY
    return is_notice and not has_ended(job)


def has_ended(job: Manifest) -> bool:
    """Return whether the Job is Complete or Failed."""
    conditions = job.get("status", {}).get("conditions")
    return is_true(conditions, "Complete") or is_true(conditions, "Failed")


def _left_jobs(look: Look) -> list[Manifest]:
    """Return the live Jobs of steps that do not run by their status."""
    kept = {step.job for step in look.steps if step.state == "Running"}
    return [
        job
        for job in live_jobs(look)
        if job["metadata"]["labels"].get(_COMPONENT) == STEP and job["metadata"]["name"] not in kept
    ]


def _is_stranded(pod: Manifest, look: Look) -> bool:
    """Return whether nobody needs the Pod, on a node that will never say that it is gone.

    A step's Pod is needed until its attempt is judged; those of the operator's own Jobs are
    replaced by their Job.
    """
    labels = pod["metadata"].get("labels") or {}
    if is_over(pod) or LABEL_STEP not in labels:
        return False
    jobs = [job for job in look.seen.all("Job") if is_ours(job, look.run)]
    owners = {owner.get("uid") for owner in pod["metadata"].get("ownerReferences") or ()}
    attempt = labels.get(_COMPONENT) == STEP
    if attempt and any(j["metadata"]["uid"] in owners and not has_ended(j) for j in jobs):
        return False
    return node_loss(pod, look.seen, look.now, look.settings).message is not None


def _is_going(job: Manifest) -> bool:
    return "deletionTimestamp" in job["metadata"]
