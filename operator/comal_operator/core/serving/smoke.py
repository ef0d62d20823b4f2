"""The smoke test: a Job that sends one request to the candidate before any caller does.

A Job in the trainer image, and not a call of the operator's own: the operator then needs no way
through the network to anybody's scoring Pods, and a slow answer holds up no other object.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from comal_operator.api.rollout_smoke import Smoke
from comal_operator.core.children import is_ours
from comal_operator.core.conditions import find, is_true, parse_timestamp
from comal_operator.core.durations import parse_duration
from comal_operator.core.names import child_name, short_hash
from comal_operator.core.plan import Action, Create, Delete, Manifest, Ref, Seen, Settings
from comal_operator.core.serving.climb import first_smoke
from comal_operator.core.serving.labels import SMOKE
from comal_operator.core.serving.last_words import last_words
from comal_operator.core.serving.latched import SmokeResult
from comal_operator.core.serving.memory import Memory
from comal_operator.core.serving.pods import SCORING_PORT
from comal_operator.core.serving.revision import child_of_revision
from comal_operator.core.serving.sandbox import sandboxed_job
from comal_operator.core.serving.schedule import Schedule
from comal_operator.core.serving.sight import Sight
from comal_trainer.contract import ContractError
from comal_trainer.contract.smoke import Smoked, Trial, smoke_arguments

# What could not be run tells nothing about the candidate: it is run again.
_TRY_AGAIN = timedelta(minutes=1)
_KEPT_SECONDS = 3600


def smoke_result(
    mdep: Manifest, memory: Memory, schedule: Schedule, seen: Seen
) -> SmokeResult | None:
    """Return how the candidate's smoke test ended; None if it has not, or none is wanted."""
    wanted = wanted_smoke(memory, schedule)
    if wanted is None:
        return None
    job = seen.get("Job", _name(mdep, memory, wanted))
    if job is None or not is_ours(job, mdep):
        return None
    for pod in seen.all("Pod"):
        told = _told(pod, job)
        if told is not None:
            return SmokeResult(told.passed, told.message[:500])
    return None


def wanted_smoke(memory: Memory, schedule: Schedule) -> Smoke | None:
    """Return the smoke test that the candidate has before it now."""
    if memory.candidate is None or memory.smoke is not None:
        return None
    if memory.stable is None:
        return first_smoke(memory, schedule)
    begun, held = memory.step_since is not None, memory.hold is not None
    return schedule.stage(memory).smoke if begun and not held else None


def smoke_actions(
    mdep: Manifest, memory: Memory, sight: Sight, seen: Seen, settings: Settings
) -> tuple[Action, ...]:
    """Return what makes the Job, or clears away one that could not be run."""
    wanted = wanted_smoke(memory, sight.schedule)
    if wanted is None or memory.candidate is None:
        return ()
    if memory.stable is None and not sight.seen(memory.candidate.revision).is_available:
        return ()
    name = _name(mdep, memory, wanted)
    there = seen.get("Job", name)
    if ("Job", name) in seen.refusals:
        return ()
    if there is None:
        return (Create(_job(mdep, name, memory.candidate.revision, wanted, settings)),)
    conditions = (there.get("status") or {}).get("conditions")
    is_going = "deletionTimestamp" in there["metadata"]
    if is_going or not is_ours(there, mdep) or not is_true(conditions, "Failed"):
        return ()
    since = parse_timestamp((find(conditions, "Failed") or {})["lastTransitionTime"])
    if sight.now < since + _TRY_AGAIN:
        return ()
    return (Delete(Ref.of(there), there["metadata"]["uid"]),)


def _name(mdep: Manifest, memory: Memory, smoke: Smoke) -> str:
    """Return a name of this candidate's own: each of its lives, and each resume, is tried anew."""
    candidate = memory.candidate
    resumed = [one.text for one in memory.handled if one.text.startswith("resume@")]
    life = (candidate.revision, candidate.since.isoformat()) if candidate else ()
    return child_name(
        mdep["metadata"]["name"], SMOKE, short_hash(life, smoke.to_wire(), resumed[:1])
    )


def _told(pod: Manifest, job: Manifest) -> Smoked | None:
    words = last_words(pod) if is_ours(pod, job) else None
    try:
        return Smoked.decode(words) if words is not None else None
    except ContractError:
        return None


def _job(
    mdep: Manifest, name: str, revision: str, smoke: Smoke, settings: Settings
) -> dict[str, Any]:
    timeout = parse_duration(smoke.timeout).total_seconds()
    trial = Trial(
        url=f"http://{child_of_revision(mdep, revision)}:{SCORING_PORT}{smoke.path}",
        method=smoke.method,
        headers={one.name: one.value for one in smoke.headers},
        body=smoke.body,
        status=smoke.expect.status,
        json=smoke.expect.json_,
        tolerance=float(Decimal(smoke.expect.tolerance)),
        retries=smoke.retries,
        timeout=timeout,
    )
    container = {
        "image": settings.trainer_image,
        "args": list(smoke_arguments(trial)),
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"memory": "256Mi"},
        },
    }
    return sandboxed_job(
        mdep,
        name,
        SMOKE,
        container,
        backoffLimit=2,
        activeDeadlineSeconds=int((smoke.retries + 1) * (timeout + 1)) + 300,
        ttlSecondsAfterFinished=_KEPT_SECONDS,
    )
