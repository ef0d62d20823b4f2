"""How an endpoint is: one sentence, and what kstatus makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from comal_operator.core.conditions import timestamp
from comal_operator.core.serving.autoscaling import shown_replicas
from comal_operator.core.serving.climb import first_smoke, held, waits_for
from comal_operator.core.serving.crash_log import with_log_last
from comal_operator.core.serving.judgement import start_of
from comal_operator.core.serving.looked import Looked
from comal_operator.core.serving.memory import FULL, NONE, Rejection, Role, Variant
from comal_operator.core.serving.observed import RevisionSeen
from comal_operator.core.serving.reasons import RejectionReason
from comal_operator.core.serving.reasons import ServingReason as Reason
from comal_operator.core.serving.resolution import Unresolved
from comal_operator.core.serving.variants import still_starting

_UNSEEN = RevisionSeen()


class Course(Enum):
    """Where it goes from here."""

    DONE = "Done"
    UNDER_WAY = "UnderWay"
    STALLED = "Stalled"


@dataclass(frozen=True)
class Verdict:
    """Reason and message of Ready, and the course."""

    course: Course
    reason: str
    message: str


def verdict_on(looked: Looked, strangers: list[str], refusals: list[str], now: datetime) -> Verdict:
    """Return the verdict, the weightiest fact first."""
    return (
        _obstacle(strangers, refusals)
        or _model(looked)
        or _rejection(looked)
        or _first(looked, now)
        or _outage(looked)
        or _rollout(looked)
        or _variants(looked)
        or _steady(looked)
    )


def answering(looked: Looked) -> int:
    """Return how many Pods that the routers know are ready to answer."""
    return sum(looked.revisions.get(one, _UNSEEN).answering for one in looked.memory.traffic)


def _obstacle(strangers: list[str], refusals: list[str]) -> Verdict | None:
    if strangers:
        text = f"{', '.join(strangers)} exists and is not ours: rename it or this ModelDeployment"
        return Verdict(Course.STALLED, Reason.NAME_CONFLICT, text)
    if refusals:
        return Verdict(Course.STALLED, Reason.CHILD_REFUSED, "; ".join(refusals))
    return None


def _serves(looked: Looked) -> str:
    stable = looked.memory.stable
    return f"; {stable.model_version} goes on serving" if stable is not None else ""


def _model(looked: Looked) -> Verdict | None:
    model = looked.model
    if not isinstance(model, Unresolved):
        return None
    course = Course.UNDER_WAY if model.waits else Course.STALLED
    return Verdict(course, model.reason, f"{model.message}{_serves(looked)}")


def _rejection(looked: Looked) -> Verdict | None:
    rejection = looked.memory.rejection(looked.revision or "")
    stable = looked.memory.stable
    is_wanted = rejection is not None and (stable is None or stable.revision != looked.revision)
    if rejection is None or not is_wanted:
        return None
    return Verdict(Course.STALLED, Reason.ROLLED_BACK, _told(rejection, _serves(looked)))


def _told(rejection: Rejection, serves: str) -> str:
    what = f"{rejection.model_version} (revision {rejection.revision}) was rolled back:"
    remedy = "choose another version, or change image or predictor"
    return with_log_last(
        f"{what} {rejection.reason}: ",
        rejection.message,
        f". It is not tried again: {remedy}{serves}",
    )


def _first(looked: Looked, now: datetime) -> Verdict | None:
    """Return the verdict while nothing has ever served: there is nothing to roll back to."""
    if looked.memory.stable is not None:
        return None
    candidate = looked.memory.candidate
    if candidate is None:
        return Verdict(Course.UNDER_WAY, Reason.DEPLOYING, "making the first revision")
    seen = looked.revisions.get(candidate.revision, _UNSEEN)
    text = f"{_pods(looked, candidate)}{_why(seen)}"
    if seen.problem is not None and seen.problem.final:
        return Verdict(Course.STALLED, seen.problem.reason, text)
    start = start_of(candidate, seen)
    if now >= start + looked.schedule.startup_timeout and not seen.is_available:
        return Verdict(Course.STALLED, Reason.NOT_STARTING, text)
    if seen.is_available and first_smoke(looked.memory, looked.schedule) is not None:
        return _first_smoke(looked, candidate)
    return Verdict(Course.UNDER_WAY, Reason.DEPLOYING, text)


def _first_smoke(looked: Looked, candidate: Role) -> Verdict:
    smoked = looked.sight.smoke
    if smoked is None or smoked.passed:
        text = f"the smoke test of {candidate.model_version} runs"
        return Verdict(Course.UNDER_WAY, Reason.SMOKE_TESTING, text)
    text = (
        f"{candidate.model_version} gets no request: {smoked.message}. Correct spec, or the smoke"
        " test, which is repeated each hour; kubectl comal promote lets it serve all the same"
    )
    return Verdict(Course.STALLED, RejectionReason.SMOKE_TEST_FAILED, text)


def _outage(looked: Looked) -> Verdict | None:
    if not looked.routers.ready:
        return Verdict(Course.UNDER_WAY, Reason.UNAVAILABLE, "no router is ready")
    if answering(looked):
        return None
    stable = looked.memory.stable
    seen = looked.revisions.get(stable.revision, _UNSEEN) if stable is not None else _UNSEEN
    return Verdict(Course.UNDER_WAY, Reason.UNAVAILABLE, f"no Pod is ready{_why(seen)}")


def _rollout(looked: Looked) -> Verdict | None:
    memory = looked.memory
    candidate, previous = memory.candidate, memory.previous
    if candidate is not None:
        # Held before it had a share: more than that its Pods do not run, which is why.
        waits = waits_for(memory, looked.sight) or held(memory, looked.sight)
        reason = Reason.PROGRESSING if waits is None else waits.reason
        return Verdict(Course.UNDER_WAY, reason, _progress(looked, candidate))
    if looked.snapshots.get(looked.revision or "") is None:
        return Verdict(Course.UNDER_WAY, Reason.PROGRESSING, "making a new revision")
    if previous is not None:
        until = timestamp(previous.since + looked.schedule.bake)
        text = f"{_stable(looked)} serves; {previous.model_version} stays warm until {until}"
        return Verdict(Course.UNDER_WAY, Reason.BAKING, text)
    return None


def _progress(looked: Looked, candidate: Role) -> str:
    memory = looked.memory
    seen = looked.revisions.get(candidate.revision, _UNSEEN)
    shadow = f" and a shadow of {memory.shadow}" if memory.shadow else ""
    head = f"{candidate.model_version} has {memory.weight or NONE} percent{shadow}"
    if memory.weight is None or not seen.is_available:
        hold = held(memory, looked.sight)
        told = f"; {hold.message}" if hold is not None else ""
        return with_log_last(head, f"; {_pods(looked, candidate)}{_why(seen)}", told)
    if memory.step_since is None:
        return f"{head}; waiting until every router has followed"
    waits = waits_for(memory, looked.sight)
    if waits is not None:
        return f"{head}{' ' if waits.message.startswith('until') else '; '}{waits.message}"
    if memory.weight == FULL:
        return f"{head} and is about to be promoted"
    return f"{head}, then {looked.schedule.after(memory)}"


def _variants(looked: Looked) -> Verdict | None:
    """Return the verdict while a variant is not what the spec wants of it."""
    remembered = {one.name: one for one in looked.memory.variants}
    for wish in looked.wishes:
        head, model = f"variant {wish.name}", wish.model
        if isinstance(model, Unresolved):
            course = Course.UNDER_WAY if model.waits else Course.STALLED
            return Verdict(course, model.reason, f"{head}: {model.message}")
        variant = remembered.get(wish.name, Variant(wish.name))
        role = variant.following or variant.serving
        if role is None:
            return Verdict(Course.UNDER_WAY, Reason.PROGRESSING, f"{head}: making its revision")
        seen = looked.revisions.get(role.revision, _UNSEEN)
        text = f"{head}: {_pods(looked, role)}{_why(seen)}"
        if not seen.is_available and not still_starting(role, looked.sight):
            final = seen.problem is not None and seen.problem.final
            reason = seen.problem.reason if seen.problem and final else Reason.NOT_STARTING
            serving = variant.serving if variant.following is not None else None
            serves = f"; {serving.model_version} keeps its share" if serving is not None else ""
            return Verdict(Course.STALLED, reason, f"{text}{serves}")
        if not seen.is_available:
            return Verdict(Course.UNDER_WAY, Reason.PROGRESSING, text)
        if variant.following is not None or variant.percent != wish.percent:
            text = f"{head} goes to {wish.percent} percent when every router has followed"
            return Verdict(Course.UNDER_WAY, Reason.PROGRESSING, text)
    gone = sorted(remembered.keys() - {one.name for one in looked.wishes})
    if gone:
        text = f"variant {gone[0]} goes when every router has left it"
        return Verdict(Course.UNDER_WAY, Reason.PROGRESSING, text)
    return None


def _steady(looked: Looked) -> Verdict:
    stable = looked.memory.stable
    seen = looked.revisions.get(stable.revision, _UNSEEN) if stable is not None else _UNSEEN
    if stable is not None and not seen.is_available:
        text = f"{_pods(looked, stable)}{_why(seen)}"
        return Verdict(Course.UNDER_WAY, Reason.SCALING, text)
    if not looked.memory.is_acknowledged:
        text = f"{_stable(looked)} serves; waiting until every router has followed"
        return Verdict(Course.UNDER_WAY, Reason.PROGRESSING, text)
    if looked.memory.suspended:
        text = f"spec.suspend is true: callers are told 503; Pods of {_stable(looked)} stand by"
        return Verdict(Course.DONE, Reason.SUSPENDED, text)
    return Verdict(Course.DONE, Reason.SERVING, f"{_stable(looked)} serves{_beside(looked)}")


def _beside(looked: Looked) -> str:
    """Return which variants serve too."""
    served = [one for one in looked.memory.variants if one.serving is not None]
    texts = [f"{one.name} {one.percent} percent" for one in served]
    return f", beside it {', '.join(texts)}" if texts else ""


def _stable(looked: Looked) -> str:
    stable = looked.memory.stable
    return stable.model_version if stable is not None else "nothing"


def _pods(looked: Looked, role: Role) -> str:
    seen = looked.revisions.get(role.revision, _UNSEEN)
    wanted = shown_replicas(looked.spec, seen)
    return f"{seen.ready} of {wanted} Pods of {role.model_version} are ready"


def _why(seen: RevisionSeen) -> str:
    return f": {seen.problem.reason}: {seen.problem.message}" if seen.problem else ""
