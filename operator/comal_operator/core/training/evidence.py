"""The end of every failed attempt's log, kept with the run after the Pod is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from comal_operator.api.training_run_status import StepStatus
from comal_operator.core.children import child_metadata
from comal_operator.core.names import LABEL_ATTEMPT, LABEL_STEP, child_name, short_hash
from comal_operator.core.plan import Create, Manifest, Plan
from comal_operator.core.training.attempt_ends import culprit
from comal_operator.core.training.attempts import job_of
from comal_operator.core.training.last_words import log_end
from comal_operator.core.training.look import Look
from comal_operator.core.training.objects import run_labels
from comal_operator.core.training.pods import pods_of

COMPONENT = "training-log"


def logs_first(look: Look) -> Plan | None:
    """Return how the logs of attempts that just failed are kept; None once they are.

    Before the failure is remembered: from then on the attempt is not looked at again, and its Pod
    may go. That it is kept twice is impossible, since the name says which attempt it is of. What
    cannot be kept (a quota) holds up nothing: the status has the last lines.
    """
    known = {step.name: step for step in look.status.steps}
    failed = [step for step in look.steps if _failures(step) > _failures(known.get(step.name))]
    pods = {step.name: pod for step in failed if (pod := _pod_of(look, step)) is not None}
    asked = {name: log_end(pod) for name, pod in pods.items()}
    unanswered = tuple(one for one in asked.values() if one not in look.seen.answers)
    if unanswered:
        return Plan(questions=unanswered)
    wanted = []
    for step in failed:
        text = look.seen.answers[asked[step.name]] if step.name in asked else ""
        said = (text if isinstance(text, str) else "") or step.log_tail or ""
        manifest = _config_map(look, step, pods.get(step.name, {}), said)
        name = ("ConfigMap", manifest["metadata"]["name"])
        if said and name not in look.seen.objects and name not in look.seen.refusals:
            wanted.append(Create(manifest))
    return Plan(tuple(wanted)) if wanted else None


def _failures(step: StepStatus | None) -> int:
    return (step.failures or 0) if step else 0


def _pod_of(look: Look, step: StepStatus) -> Manifest | None:
    job = job_of(step, look.seen)
    pods: Sequence[Manifest] = pods_of(job, look.seen) if job is not None else ()
    return culprit(pods) or next(iter(pods), None)


def _config_map(look: Look, step: StepStatus, pod: Mapping[str, Manifest], text: str) -> Manifest:
    run, attempt = look.run, str(step.attempts or 1)
    digest = short_hash(run["metadata"]["uid"], step.name, attempt, "log")
    name = child_name(run["metadata"]["name"], f"{step.name}-{attempt}-log", digest)
    labels = run_labels(run, COMPONENT, **{LABEL_STEP: step.name, LABEL_ATTEMPT: attempt})
    facts = {
        "comal.dev/pod": pod.get("metadata", {}).get("name"),
        "comal.dev/node": step.node,
        "comal.dev/reason": step.reason,
        "comal.dev/message": step.message,
    }
    metadata = child_metadata(run, name, labels)
    metadata["annotations"] = {key: value for key, value in facts.items() if value}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "immutable": True,
        "data": {"log": text},
    }
