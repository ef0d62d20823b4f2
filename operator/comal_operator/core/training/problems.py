"""What keeps a Job's Pod from running, as one condition with the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from comal_operator.core.conditions import find, parse_timestamp
from comal_operator.core.plan import EventsOf, Manifest, Question, Seen
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.pods import ended, pods_of, started_at, unschedulable, waiting

_PULL = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
# A Job without a Pod and a Pod without a container are normal for this long.
PATIENCE = timedelta(seconds=4)
STARTING = timedelta(seconds=15)


@dataclass(frozen=True)
class Problem:
    """Why the run does not go on; `stalled` when it takes a person."""

    reason: RunReason
    message: str
    stalled: bool = True


@dataclass(frozen=True)
class Diagnosis:
    """A problem, or what must be asked first, or when to look again."""

    problem: Problem | None = None
    questions: tuple[Question, ...] = ()
    look_again: timedelta | None = None


def diagnose(
    run: Manifest,
    step: str,
    job: Manifest,
    *,
    claim: Manifest | None,
    seen: Seen,
    now: datetime,
) -> Diagnosis:
    """Return what keeps the Pod of a Job that has not ended from running, if anything does."""
    pods = [pod for pod in pods_of(job, seen) if ended(pod) is None]
    if not pods:
        return _no_pod(step, job, seen, now)
    # Of a gang, one that does not run yet.
    pod = next((pod for pod in pods if started_at(pod) is None), pods[-1])
    reason, message = waiting(pod)
    if reason in _PULL:
        return Diagnosis(_image_problem(run, step, reason, message))
    if reason in _CONFIG:
        text = f"step {step}: its container cannot be made: {message or reason}"
        return Diagnosis(Problem(RunReason.CONTAINER_CONFIG_INVALID, text))
    placement = unschedulable(pod)
    if placement:
        return _no_node(step, placement, claim, seen)
    if pod.get("status", {}).get("phase") == "Pending":
        return _slow_start(step, pod, seen, now)
    return Diagnosis()


def _image_problem(run: Manifest, step: str, reason: str, message: str) -> Problem:
    """Return the problem; the first failed pull may be the network's, a second one is not.

    The kubelet's words alternate between the pull and the back-off; the first ones stay, so
    that the status is not written at every turn.
    """
    start = f"step {step}: its image cannot be pulled: "
    old = find(run.get("status", {}).get("conditions"), "Ready") or {}
    same = old.get("reason") == RunReason.IMAGE_PULL_FAILED
    same = same and str(old.get("message", "")).startswith(start)
    text = str(old["message"]) if same else f"{start}{message or reason}"
    stalled = reason != "ErrImagePull" or (
        same and find(run["status"]["conditions"], "Stalled") is not None
    )
    return Problem(RunReason.IMAGE_PULL_FAILED, text, stalled)


def _no_pod(step: str, job: Manifest, seen: Seen, now: datetime) -> Diagnosis:
    """Return why the Job made no Pod: a quota or the namespace's Pod Security refuses it."""
    if _age(job, now) < PATIENCE:
        return Diagnosis(look_again=PATIENCE)
    question = _events_of("Job", job)
    events = seen.answers.get(question)
    if events is None:
        return Diagnosis(questions=(question,))
    message = _first(events, "FailedCreate")
    if not message:
        return Diagnosis(look_again=STARTING)
    text = f"step {step}: its Pod was refused: {message}"
    if "exceeded quota" in message:
        return Diagnosis(Problem(RunReason.QUOTA_EXCEEDED, text, False), look_again=STARTING)
    return Diagnosis(Problem(RunReason.POD_REFUSED, text), look_again=STARTING)


def _no_node(step: str, placement: str, claim: Manifest | None, seen: Seen) -> Diagnosis:
    """Return why no node takes the Pod: most often there are too few, or the volume is not made."""
    if claim is not None and claim.get("status", {}).get("phase") != "Bound":
        question = _events_of("PersistentVolumeClaim", claim)
        events = seen.answers.get(question)
        if events is None:
            return Diagnosis(questions=(question,))
        problem = _claim_problem(claim, events)
        if problem is not None:
            return Diagnosis(problem, look_again=STARTING)
    text = f"step {step}: no node takes its Pod: {placement}"
    return Diagnosis(Problem(RunReason.UNSCHEDULABLE, text, False), look_again=STARTING)


def _claim_problem(claim: Manifest, events: Iterable[tuple[str, str]]) -> Problem | None:
    name = claim["metadata"]["name"]
    for reason, message in events:
        lower = message.lower()
        if "storageclass" in lower and "not found" in lower:
            wanted = claim.get("spec", {}).get("storageClassName")
            text = f"the workspace cannot be made: StorageClass {wanted} does not exist; create it,"
            text += " or make a new run with another workspace.storageClassName"
            return Problem(RunReason.STORAGE_CLASS_NOT_FOUND, text)
        if "no storage class is set" in lower:
            text = "the workspace cannot be made: the cluster has no default StorageClass; mark"
            text += " one, or make a new run with workspace.storageClassName"
            return Problem(RunReason.STORAGE_CLASS_NOT_FOUND, text)
        if reason == "ProvisioningFailed":
            text = f"the workspace claim {name} cannot be made: {message}"
            return Problem(RunReason.UNSCHEDULABLE, text, False)
    return None


def _slow_start(step: str, pod: Manifest, seen: Seen, now: datetime) -> Diagnosis:
    """Return why a placed Pod does not start: a volume that cannot be mounted says so in Events."""
    if _age(pod, now) < STARTING:
        return Diagnosis(look_again=STARTING)
    question = _events_of("Pod", pod)
    events = seen.answers.get(question)
    if events is None:
        return Diagnosis(questions=(question,))
    message = _first(events, "FailedMount") or _first(events, "FailedAttachVolume")
    if not message:
        return Diagnosis(look_again=STARTING)
    text = f"step {step}: a volume cannot be mounted: {message}"
    return Diagnosis(Problem(RunReason.VOLUME_NOT_MOUNTED, text, False), look_again=STARTING)


def _events_of(kind: str, thing: Manifest) -> EventsOf:
    meta = thing["metadata"]
    return EventsOf(kind, meta["name"], meta["uid"])


def _first(events: Iterable[tuple[str, str]], reason: str) -> str:
    return next((message for kind, message in events if kind == reason), "")


def _age(thing: Manifest, now: datetime) -> timedelta:
    text = thing["metadata"].get("creationTimestamp")
    return now - parse_timestamp(text) if text else timedelta()
