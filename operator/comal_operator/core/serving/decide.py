"""What a ModelDeployment needs next."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from comal_operator.core.plan import Manifest, Plan, Seen, Settings
from comal_operator.core.serving.analysis import has_errors
from comal_operator.core.serving.looked import Looked, look
from comal_operator.core.serving.relevant import RELEVANT
from comal_operator.core.serving.retirement import forgotten, retirements
from comal_operator.core.serving.rollout import drained, next_moment
from comal_operator.core.serving.status import status_of, write_if_new
from comal_operator.core.serving.upkeep import Upkeep
from comal_operator.core.serving.variants import waits_for_routers
from comal_operator.core.serving.verdict import verdict_on

__all__ = ["RELEVANT", "plan_model_deployment"]

_SOON = timedelta(milliseconds=10)
_EACH_SECOND = timedelta(seconds=1)
_QUICK = timedelta(milliseconds=250)
_UNHURRIED = timedelta(seconds=5)
_KEYS_AGAIN = timedelta(seconds=5)


def plan_model_deployment(mdep: Manifest, seen: Seen, *, now: datetime, settings: Settings) -> Plan:
    """Decide what `mdep` needs, given what was `seen`; no I/O, no clock, no randomness.

    What is decided is written down before it is done: children and router files are made from the
    status alone, so a crash between two writes loses nothing.
    """
    if "deletionTimestamp" in mdep["metadata"]:
        return Plan()
    looked = look(mdep, seen, now, settings)
    upkeep = Upkeep(looked, seen, settings)
    verdict = verdict_on(looked, upkeep.strangers(), upkeep.refusals(), now)
    status = write_if_new(mdep, status_of(looked, verdict, now))
    if looked.has_news:
        return Plan(actions=status)
    upkept = upkeep.actions(now)
    comes = looked.importing
    brought = (comes.create,) if comes is not None and comes.create is not None else ()
    asked = tuple(one.action for one in looked.images if one.action is not None)
    if upkept or brought or asked:
        return Plan(actions=(*upkept, *brought, *asked, *status))
    must_ask = _must_ask(looked, now)
    if looked.told is None and (must_ask or looked.routers.ready):
        # At rest too: what is in the Secret shows only in what the routers run.
        again = looked.patience(now) if must_ask else None
        return Plan(questions=looked.routers.questions(), requeue_after=again)
    late = (
        *upkeep.tell_again(now),
        *retirements(looked, seen, now),
        *forgotten(looked, seen),
    )
    return Plan(actions=(*late, *status), requeue_after=_again(looked, upkeep, now))


def _must_ask(looked: Looked, now: datetime) -> bool:
    """Return whether anything hangs on what the routers run and count."""
    memory, schedule = looked.memory, looked.schedule
    return (
        not memory.is_acknowledged
        or bool(drained(memory, schedule, now))
        or memory.weight is not None
        or waits_for_routers(memory, looked.sight)
    )


def _again(looked: Looked, upkeep: Upkeep, now: datetime) -> timedelta | None:
    """Return when to look again without being woken."""
    moment = next_moment(looked.memory, looked.sight)
    times = [] if moment is None else [max(moment - now, _SOON)]
    times += [_KEYS_AGAIN] if upkeep.lacks_keys else []
    if looked.importing is not None and looked.importing.again is not None:
        times.append(looked.importing.again)
    times += [one.again for one in looked.images if one.again is not None]
    if _must_ask(looked, now) and (looked.routers.ready or looked.routers.leaving):
        times.append(_watch(looked) or looked.patience(now))
    elif upkeep.behind:
        times.append(upkeep.pause(now))
    return min(times, default=None)


def _watch(looked: Looked) -> timedelta | None:
    """Return how often the counters are read; None if something else decides when to look.

    Each second while a candidate has live requests, and at once again when one has failed.
    """
    memory = looked.memory
    if memory.weight is None or not memory.is_acknowledged:
        return None
    if not (Decimal(memory.weight) or memory.shadow):
        return _UNHURRIED
    return _QUICK if has_errors(memory, looked.sight) else _EACH_SECOND
