"""What a ModelDeployment needs next."""

from __future__ import annotations

from datetime import datetime, timedelta

from comal_operator.core.plan import Manifest, Plan, Seen, Settings
from comal_operator.core.serving.looked import Looked, look
from comal_operator.core.serving.relevant import RELEVANT
from comal_operator.core.serving.rollout import drained, is_due, next_moment
from comal_operator.core.serving.status import status_of, write_if_new
from comal_operator.core.serving.upkeep import Upkeep
from comal_operator.core.serving.verdict import verdict_on

__all__ = ["RELEVANT", "plan_model_deployment"]

_SOON = timedelta(milliseconds=10)


def plan_model_deployment(mdep: Manifest, seen: Seen, *, now: datetime, settings: Settings) -> Plan:
    """Decide what `mdep` needs, given what was `seen`; no I/O, no clock, no randomness.

    What is decided is written down before it is done: children and router files are made from the
    status alone, so a crash between two writes loses nothing.
    """
    if "deletionTimestamp" in mdep["metadata"]:
        return Plan()
    looked = look(mdep, seen, now)
    upkeep = Upkeep(looked, seen, settings)
    verdict = verdict_on(looked, upkeep.strangers(), upkeep.refusals(), now)
    status = write_if_new(mdep, status_of(looked, verdict, now))
    if looked.has_news:
        return Plan(actions=status)
    upkept = upkeep.actions(now)
    if upkept:
        return Plan(actions=(*upkept, *status))
    if _must_ask(looked, now) and looked.told is None:
        return Plan(questions=looked.routers.questions(), requeue_after=looked.patience(now))
    late = (*upkeep.tell_again(now), *upkeep.retirements(now), *upkeep.history())
    return Plan(actions=(*late, *status), requeue_after=_again(looked, now))


def _must_ask(looked: Looked, now: datetime) -> bool:
    """Return whether anything hangs on what the routers run."""
    memory, schedule = looked.memory, looked.schedule
    return (
        not memory.is_acknowledged
        or bool(drained(memory, schedule, now))
        or is_due(memory, looked.revisions, schedule, now)
    )


def _again(looked: Looked, now: datetime) -> timedelta | None:
    """Return when to look again without being woken."""
    moment = next_moment(looked.memory, looked.schedule, looked.revisions, now)
    again = None if moment is None else max(moment - now, _SOON)
    if _must_ask(looked, now) and (looked.routers.ready or looked.routers.leaving):
        patience = looked.patience(now)
        return patience if again is None else min(patience, again)
    return again
