"""How long an attempt may wait, run, and say nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from comal_operator.api.training_step import Step
from comal_operator.core.conditions import parse_timestamp, timestamp
from comal_operator.core.durations import parse_duration, sooner
from comal_operator.core.plan import LastLogLine, Manifest, Question, Seen, StepProgress
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.attempts import AttemptEnd
from comal_operator.core.training.objects import CONTAINER
from comal_operator.core.training.pods import is_running, started_at
from comal_operator.core.training.problems import diagnose


@dataclass(frozen=True)
class Limited:
    """An attempt's end by a limit, or what must be asked first, or when to look again."""

    end: AttemptEnd | None = None
    questions: tuple[Question, ...] = ()
    look_again: timedelta | None = None


@dataclass(frozen=True)
class Attempt:
    """One attempt that has not ended: its Job, its Pods and where it stands."""

    run: Manifest
    step: Step
    job: Manifest
    pods: Sequence[Manifest]
    claim: Manifest | None
    seen: Seen
    now: datetime


def limited(attempt: Attempt) -> Limited:
    """Return whether a limit of the step's `timeouts` is exceeded."""
    waits = _starts_waiting(attempt)
    if waits is not None:
        return _pending(attempt, waits)
    starts = [at for at in map(started_at, attempt.pods) if at]
    if not starts or not any(map(is_running, attempt.pods)):
        return Limited()
    since = parse_timestamp(min(starts))
    running = _running(attempt, since)
    if running.end is not None or attempt.step.timeouts.stall is None:
        return running
    stall = _stall(attempt, since)
    if stall.end is not None or stall.questions:
        return stall
    return Limited(look_again=sooner(running.look_again, stall.look_again))


def _starts_waiting(attempt: Attempt) -> datetime | None:
    """Return since when the attempt waits for Pods that do not run; None when all do.

    A Job that is held in a queue does not wait in this sense: its time comes by itself.
    """
    spec, status = attempt.job.get("spec", {}), attempt.job.get("status", {})
    if spec.get("suspend"):
        return None
    started = [pod for pod in attempt.pods if started_at(pod)]
    if len(started) >= (spec.get("parallelism") or 1):
        return None
    since = status.get("startTime") or attempt.job["metadata"].get("creationTimestamp")
    return parse_timestamp(since) if since else None


def _pending(attempt: Attempt, since: datetime) -> Limited:
    limit = attempt.step.timeouts.pending
    if limit is None:
        return Limited()
    left = since + parse_duration(limit) - attempt.now
    if left > timedelta():
        return Limited(look_again=left)
    found = diagnose(
        attempt.run,
        attempt.step.name,
        attempt.job,
        claim=attempt.claim,
        seen=attempt.seen,
        now=attempt.now,
    )
    asked = tuple(one for one in found.questions if one not in attempt.seen.answers)
    if asked:
        return Limited(questions=asked)
    why = f"; {found.problem.message}" if found.problem else ""
    text = f"did not start within {limit} (timeouts.pending){why}"
    # Waiting again would not help: no second attempt.
    return Limited(_end("Fatal", RunReason.PENDING_TIMEOUT, text, attempt))


def _running(attempt: Attempt, since: datetime) -> Limited:
    limit = attempt.step.timeouts.running
    if limit is None:
        return Limited()
    left = since + parse_duration(limit) - attempt.now
    if left > timedelta():
        return Limited(look_again=left)
    text = f"ran longer than {limit} (timeouts.running)"
    return Limited(_end("Failure", RunReason.RUNNING_TIMEOUT, text, attempt))


def _stall(attempt: Attempt, since: datetime) -> Limited:
    """Return whether neither a report nor a log line came in time; logs are read last."""
    limit = parse_duration(attempt.step.timeouts.stall or "0s")
    signs: list[datetime] = [since]
    running = [pod for pod in attempt.pods if is_running(pod)]
    reports: list[Question] = [StepProgress(pod["metadata"]["uid"]) for pod in running]
    lines: list[Question] = [LastLogLine(pod["metadata"]["name"], CONTAINER) for pod in running]
    for questions in (reports, lines):
        if max(signs) + limit > attempt.now:
            break
        answers = attempt.seen.answers
        asked = tuple(question for question in questions if question not in answers)
        if asked:
            return Limited(questions=asked)
        signs += [moment for one in questions if (moment := _moment(answers[one]))]
    left = max(signs) + limit - attempt.now
    if left > timedelta():
        return Limited(look_again=left)
    text = (
        f"has neither reported progress nor logged a line for {attempt.step.timeouts.stall}"
        " (timeouts.stall)"
    )
    return Limited(_end("Failure", RunReason.STEP_STALLED, text, attempt))


def _moment(answer: object) -> datetime | None:
    """Return when a sign of life was given: by a report's time, or a log line's own."""
    found = getattr(answer, "at", answer)
    return found if isinstance(found, datetime) else None


def _end(cause: str, reason: RunReason, text: str, attempt: Attempt) -> AttemptEnd:
    pod = next(iter(attempt.pods), None)
    now = timestamp(attempt.now)
    if cause == "Fatal":
        return AttemptEnd("Fatal", reason, text, now)
    return AttemptEnd("Failure", reason, text, now, pod=pod)
