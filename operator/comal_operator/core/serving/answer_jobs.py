"""The Jobs that compare a candidate's answers with stable's.

A Job reads what scoring Pods have kept, and tells how many differ: predictions go from Pod to Pod
of one endpoint, and neither the operator nor a status ever holds one (decision 0040).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from comal_operator.core.children import is_ours
from comal_operator.core.conditions import find, is_true
from comal_operator.core.names import child_name
from comal_operator.core.plan import Action, Create, Manifest, Seen, Settings
from comal_operator.core.serving.answers import answers_of, due, round_key, rule_of
from comal_operator.core.serving.endpoints import Address
from comal_operator.core.serving.labels import SMOKE
from comal_operator.core.serving.last_words import last_words
from comal_operator.core.serving.memory import Memory, whole_second
from comal_operator.core.serving.sandbox import sandboxed_job
from comal_operator.core.serving.sight import ComparedRound, Sight
from comal_scorer.contract import ANSWERS_HEADER, ANSWERS_PATH
from comal_trainer.contract import ContractError
from comal_trainer.contract.comparison import (
    SIDES_FLAG,
    Compared,
    Sides,
    compare_arguments,
    read_sides,
)

_SECONDS: Final = 10.0
_PULLING_SECONDS: Final = 300
_KEPT_SECONDS: Final = 120
# A sample is enough; so is one of the Pods.
_MOST_PODS: Final = 32


def answer_round(mdep: Manifest, memory: Memory, sight: Sight, seen: Seen) -> ComparedRound | None:
    """Return what the round that is due has found; None while it has not."""
    moment = due(memory, sight.schedule)
    if moment is None or sight.now < moment:
        return None
    job = seen.get("Job", _name(mdep, memory, sight))
    if job is None or not is_ours(job, mdep):
        return None
    for pod in seen.all("Pod"):
        told = _told(pod) if is_ours(pod, job) else None
        if told is not None:
            problem = told.message if told.state == "error" else ""
            return ComparedRound(told.compared, told.different, told.greatest, _until(job), problem)
    conditions = (job.get("status") or {}).get("conditions")
    if is_true(conditions, "Failed") or is_true(conditions, "Complete"):
        why = (find(conditions, "Failed") or {}).get("message") or "its Pod was gone"
        text = f"nothing is compared: the Job that compares answers has failed: {why}"
        return ComparedRound(0, 0, 0.0, whole_second(sight.now), text[:500])
    return None


def answer_actions(
    mdep: Manifest, memory: Memory, sight: Sight, seen: Seen, settings: Settings
) -> tuple[Action, ...]:
    """Return the Job of the round that is due."""
    moment = due(memory, sight.schedule)
    if moment is None or sight.now < moment or memory.candidate is None or memory.stable is None:
        return ()
    name = _name(mdep, memory, sight)
    if seen.get("Job", name) is not None or ("Job", name) in seen.refusals:
        return ()
    candidate = sight.seen(memory.candidate.revision).addresses
    stable = sight.seen(memory.stable.revision).addresses
    if not candidate or not stable:
        return ()
    before = answers_of(memory, sight.schedule)
    since = before.until if before is not None else memory.step_since
    sides = Sides(
        candidate=_urls(candidate),
        stable=_urls(stable),
        path=ANSWERS_PATH,
        header=ANSWERS_HEADER,
        since=since.timestamp() if since is not None else 0.0,
        until=whole_second(sight.now).timestamp(),
        tolerance=float(rule_of(sight.schedule).tolerance),
        timeout=_SECONDS,
    )
    return (Create(_job(mdep, name, sides, settings)),)


def _name(mdep: Manifest, memory: Memory, sight: Sight) -> str:
    return child_name(mdep["metadata"]["name"], "answers", round_key(memory, sight.schedule))


def _urls(addresses: Sequence[Address]) -> tuple[str, ...]:
    pairs = ((f"[{host}]" if ":" in host else host, port) for host, port in addresses[:_MOST_PODS])
    return tuple(f"http://{host}:{port}" for host, port in pairs)


def _until(job: Manifest) -> datetime:
    """Return up to when it was to compare."""
    [container] = job["spec"]["template"]["spec"]["containers"]
    sides = read_sides(container["args"][1].removeprefix(SIDES_FLAG))
    return datetime.fromtimestamp(sides.until, UTC)


def _told(pod: Manifest) -> Compared | None:
    words = last_words(pod)
    try:
        return Compared.decode(words) if words is not None else None
    except ContractError:
        return None


def _job(mdep: Manifest, name: str, sides: Sides, settings: Settings) -> dict[str, Any]:
    container = {
        "image": settings.trainer_image,
        "args": list(compare_arguments(sides)),
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"memory": "256Mi"},
        },
    }
    # As a smoke test, for which this endpoint's scoring Pods are all that there is to reach.
    return sandboxed_job(
        mdep,
        name,
        SMOKE,
        container,
        backoffLimit=1,
        activeDeadlineSeconds=int(8 * _SECONDS) + _PULLING_SECONDS,
        ttlSecondsAfterFinished=_KEPT_SECONDS,
    )
