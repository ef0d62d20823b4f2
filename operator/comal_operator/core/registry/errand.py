"""Something to be done in Azure, tried until it is: the attempt that is due, how the last ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from comal_operator.api.azure_ml import AzureErrand
from comal_operator.core.children import is_ours
from comal_operator.core.conditions import find, is_true, parse_timestamp, timestamp
from comal_operator.core.names import child_name, short_hash
from comal_operator.core.plan import Create, Manifest, Seen
from comal_operator.core.reasons import AzureState
from comal_operator.core.registry.azure_job import COMPONENT
from comal_operator.core.serving.problems import problem_of
from comal_trainer.contract import ContractError
from comal_trainer.contract.azure import AzureAnswer

_FIRST_PAUSE: Final = 30
_LONGEST_PAUSE: Final = 600


@dataclass(frozen=True)
class Wanted:
    """What is asked of Azure."""

    id: str
    """Azure's id of what shall be there."""
    asked: str
    """Digest of all that is asked."""
    job: Callable[[str], Manifest]
    """The Job of that name that asks for it."""
    read: Callable[[Manifest], AzureAnswer | None] | None = None
    """What a Pod of it answers; by default the message of its container."""


@dataclass(frozen=True)
class Told:
    """Why the last attempt failed, or what keeps the first one."""

    reason: str
    message: str


@dataclass(frozen=True)
class Errand:
    """How it stands after a look."""

    state: AzureErrand
    told: Told | None = None
    """News: how an attempt ended that no status tells of yet, or what the first one waits for."""
    create: Create | None = None
    again: timedelta | None = None


def known(wire: Manifest | None, wanted: Wanted) -> AzureErrand:
    """Return what the status remembers, if it is about what is wanted now.

    A record that is there stays there, whoever is asked to make it by now.
    """
    old = AzureErrand.model_validate(wire) if wire else None
    if old is not None and old.id == wanted.id and (old.done or old.asked == wanted.asked):
        return old
    return AzureErrand(id=wanted.id, asked=wanted.asked)


def run(owner: Manifest, old: AzureErrand, wanted: Wanted, seen: Seen, now: datetime) -> Errand:
    """Return where the errand stands, and the attempt that is due."""
    if old.done:
        return Errand(old)
    name = job_name(owner, old)
    job = seen.get("Job", name)
    if job is not None and not is_ours(job, owner):
        text = f"Job {name} exists and is not ours: delete it"
        return Errand(old, Told(AzureState.JOB_FAILED, text), again=timedelta(minutes=1))
    if job is not None:
        return _judged(job, old, wanted, seen, now)
    if ("Job", name) in seen.refusals:
        text = f"Job {name} was refused: {seen.refusals[('Job', name)]}"
        return Errand(old, Told(AzureState.JOB_FAILED, text), again=timedelta(minutes=1))
    pause = _pause(old, now)
    if pause is not None:
        return Errand(old, again=pause)
    return Errand(old, create=Create(wanted.job(name)))


def job_name(owner: Manifest, state: AzureErrand) -> str:
    """Return the name of the attempt that is due or runs."""
    digest = short_hash(state.asked, state.failures)
    return child_name(owner["metadata"]["name"], COMPONENT, digest)


def pods_of(job: Manifest, seen: Seen) -> list[Manifest]:
    """Return the Pods of an attempt."""
    return [pod for pod in seen.all("Pod") if is_ours(pod, job)]


def is_due(state: AzureErrand, now: datetime) -> bool:
    """Return whether an attempt runs or may begin."""
    return not state.done and _pause(state, now) is None


def _pause(state: AzureErrand, now: datetime) -> timedelta | None:
    if state.next_attempt is None:
        return None
    left = parse_timestamp(state.next_attempt) - now
    return left if left > timedelta() else None


def _judged(job: Manifest, old: AzureErrand, wanted: Wanted, seen: Seen, now: datetime) -> Errand:
    pods = pods_of(job, seen)
    read = wanted.read or _answer
    answer = next((found for pod in pods if (found := read(pod)) is not None), None)
    if answer is not None and answer.error is None:
        region = answer.region or None
        done = AzureErrand(id=old.id, asked=old.asked, done=True, region=region)
        return Errand(done)
    if answer is not None and answer.error is not None:
        told = Told(answer.error.reason, answer.error.message)
        return _failed(old, told, answer.wait, now)
    conditions = (job.get("status") or {}).get("conditions")
    problem = problem_of(pods)
    why = f"{problem.reason}: {problem.message}" if problem else ""
    if is_true(conditions, "Failed"):
        said = (find(conditions, "Failed") or {}).get("message") or "it failed"
        text = f"Job {job['metadata']['name']} gave no answer: {why or said}"
        return _failed(old, Told(AzureState.JOB_FAILED, text), 0, now)
    if is_true(conditions, "Complete"):
        text = f"Job {job['metadata']['name']} gave no answer: its Pod was gone"
        return _failed(old, Told(AzureState.JOB_FAILED, text), 0, now)
    # It runs; what the last attempt failed of is worth more than that.
    if old.failures and not why:
        return Errand(old)
    text = f"Job {job['metadata']['name']}: {why}" if why else f"Job {job['metadata']['name']} runs"
    return Errand(old, Told(AzureState.ASKING, text))


def _failed(old: AzureErrand, told: Told, wait: int, now: datetime) -> Errand:
    seconds = max(wait, min(_FIRST_PAUSE * 2**old.failures, _LONGEST_PAUSE))
    again = timedelta(seconds=seconds)
    state = AzureErrand(
        id=old.id,
        asked=old.asked,
        failures=old.failures + 1,
        next_attempt=timestamp(now + again),
    )
    return Errand(state, told, again=again)


def _answer(pod: Manifest) -> AzureAnswer | None:
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated")
        if ended:
            try:
                return AzureAnswer.decode(ended.get("message") or "")
            except ContractError:
                return None
    return None
