"""How far a run is: what its steps reported, as status.progress, metrics and resumedFrom say it.

Every step counts the same, since nobody knows how long one takes that has not started: the run's
percent is the finished steps plus the reported share of those that run, out of all of the user's
steps; it is 100 only once the run is complete. The time left is that of the running step, by its
own word or by the pace of its reports; of several that run it is the longest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from comal_operator.api.training_run_status import StepStatus
from comal_operator.core.conditions import parse_timestamp, timestamp
from comal_operator.core.plan import Heard, Manifest, Question, StepProgress
from comal_operator.core.training.look import Look, State
from comal_operator.core.training.pods import pods_of
from comal_operator.core.training.status import is_written
from comal_operator.core.training.steps import ENDS, is_done
from comal_operator.core.training.sweep_trials import of_trials
from comal_trainer.contract import MAX_METRICS

# For progress alone the status is not written more often.
WRITE_EVERY = timedelta(seconds=5)
_INDEX = "batch.kubernetes.io/job-completion-index"


@dataclass(frozen=True)
class News:
    """The status with the newest progress in it, or without what is to be written later."""

    status: dict[str, Any]
    look_again: timedelta | None = None
    alone: bool = False
    """Whether the status differs from what is written in nothing but progress."""


def questions(look: Look) -> tuple[Question, ...]:
    """Return what to ask of the reports: of every Pod whose step is not remembered as ended."""
    asked = (StepProgress(pod["metadata"]["uid"]) for _, pod in _reporting(look))
    return tuple(question for question in asked if question not in look.seen.answers)


def heard_of(look: Look, step: StepStatus) -> Heard | None:
    """Return the report that stands for a step: its first worker's, as new as anyone's.

    None when no Pod of its newest attempt has reported to this replica.
    """
    found: list[tuple[int, Heard]] = []
    for name, pod in _reporting(look):
        answer = look.seen.answers.get(StepProgress(pod["metadata"]["uid"]))
        if name == step.name and isinstance(answer, Heard):
            found.append((_worker(pod), answer))
    if not found:
        return None
    _, first = min(found, key=lambda one: (one[0], -one[1].at.timestamp()))
    return replace(first, at=max(heard.at for _, heard in found))


def with_metrics(look: Look, state: State) -> State:
    """Return `state` with the newest metrics that were reported, until the final ones are known."""
    if state.facts.metrics is not None:
        return state
    reports = sorted(_heard(look).values(), key=lambda heard: heard.at)
    new: dict[str, str] = {}
    for heard in reports:
        new |= heard.report.metrics
    old = {k: v for k, v in (look.status.metrics or {}).items() if k not in new}
    newest = dict(list({**old, **new}.items())[-MAX_METRICS:])
    return replace(state, facts=replace(state.facts, metrics=newest or None))


def with_progress(look: Look, state: State, status: Mapping[str, Any]) -> News:
    """Return the status with progress in it; alone it is written every WRITE_EVERY at most."""
    old = look.run.get("status") or {}
    steps = [_resumed(look, step) for step in status.get("steps") or ()]
    fresh = {**status, "progress": _progress(look, state), "steps": steps}
    held = {key: value for key, value in fresh.items() if key not in _HELD}
    held |= {key: old[key] for key in _HELD if key in old}
    alone = is_written(held, old)
    written = (old.get("progress") or {}).get("heartbeat")
    if alone and written is not None and not is_written(fresh, old):
        wait = parse_timestamp(written) + WRITE_EVERY - look.now
        if wait > timedelta(0):
            return News(held, wait)
    return News(fresh, alone=alone)


_HELD = ("progress", "metrics", "metric")


def _progress(look: Look, state: State) -> dict[str, Any]:
    """Return status.progress; what nobody reported to this replica yet stays as it was written."""
    if state.kind == "Complete":
        return {"text": "100%", "percent": 100}
    if look.spec.sweep is not None:
        return of_trials(look.spec.sweep, state.facts.memory, look.status)
    unfinished = _unfinished(look)
    done = len(look.steps) - len(unfinished)
    heard = {name: one for name, one in _heard(look).items() if name in unfinished}
    shares = sum((one.report.percent or 0.0) / 100 for one in heard.values())
    percent = min(99, int(100 * (done + shares) / len(look.steps)))
    running = [step for step in look.steps if step.state == "Running"]
    told = [heard[step.name] for step in running if step.name in heard]
    if told:
        return _shown(percent, _of_reports(told))
    old = look.status.progress
    carried: dict[str, Any] = {}
    over = state.is_final or state.is_over
    if old is not None and (over or (running and _is_active(look, running))):
        percent = max(percent, old.percent or 0)
        carried = old.to_wire()
    if over:
        carried.pop("etaSeconds", None)
        carried |= _of_reports(list(heard.values())) if heard else {}
        return _shown(percent, {k: v for k, v in carried.items() if k != "etaSeconds"})
    if not carried.get("heartbeat"):
        return {"text": f"{done}/{len(look.steps)}", "percent": percent}
    return _shown(percent, carried)


def _shown(percent: int, rest: Mapping[str, Any]) -> dict[str, Any]:
    eta = rest.get("etaSeconds")
    text = f"{percent}%" if eta is None else f"{percent}% {_span(eta)}"
    return {**rest, "text": text, "percent": percent}


def _of_reports(told: list[Heard]) -> dict[str, Any]:
    etas = [eta for eta in (_eta(heard) for heard in told) if eta is not None]
    epoch = next((heard.report.epoch for heard in told if heard.report.epoch), None)
    found = {
        "etaSeconds": max(etas) if etas else None,
        "epoch": epoch,
        "heartbeat": timestamp(max(heard.at for heard in told)),
    }
    return {key: value for key, value in found.items() if value is not None}


def _eta(heard: Heard) -> int | None:
    """Return the seconds left: the step's own word, or as if it went on at its pace."""
    if heard.report.eta_seconds is not None:
        return heard.report.eta_seconds
    if heard.since is None or heard.report.percent is None:
        return None
    first, began = heard.since
    gained, took = heard.report.percent - first, (heard.at - began).total_seconds()
    if gained <= 0 or took <= 0:
        return None
    return round((100 - heard.report.percent) * took / gained)


def _span(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds}s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes}m"
    return f"{minutes // 60}h{minutes % 60}m" if minutes < 48 * 60 else f"{minutes // 1440}d"


def _resumed(look: Look, wire: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step of the status with what its newest attempt went on from."""
    step = next(step for step in look.steps if step.name == wire["name"])
    before = next((one for one in look.status.steps if one.name == step.name), None)
    # An earlier attempt's word is none of this one's.
    found = before.resumed_from if before and before.job == step.job else None
    heard = heard_of(look, step)
    if heard is not None:
        found = heard.report.resumed_from or found
    rest = {key: value for key, value in wire.items() if key != "resumedFrom"}
    return {**rest, "resumedFrom": found} if found else rest


def _unfinished(look: Look) -> set[str]:
    found = {step.name: step for step in look.steps}
    return {step.name for step in look.spec.steps if not is_done(step, found[step.name])}


def _heard(look: Look) -> dict[str, Heard]:
    by_name = {step.name: heard_of(look, step) for step in look.steps}
    return {name: heard for name, heard in by_name.items() if heard is not None}


def _reporting(look: Look) -> Iterator[tuple[str, Manifest]]:
    """Yield (step, Pod) of the newest attempts, also of those whose end is not written yet."""
    over = {step.name for step in look.status.steps if step.state in ENDS}
    for step in look.steps:
        job = look.seen.get("Job", step.job) if step.job and step.name not in over else None
        newest = {_worker(pod): pod for pod in pods_of(job, look.seen)} if job else {}
        yield from ((step.name, pod) for _, pod in sorted(newest.items()))


def _worker(pod: Manifest) -> int:
    """Return which worker of a distributed step the Pod is; 0 for a Pod that is alone."""
    index = str((pod["metadata"].get("annotations") or {}).get(_INDEX, "0"))
    return int(index) if index.isdigit() else 0


def _is_active(look: Look, running: list[StepStatus]) -> bool:
    before = {step.name for step in look.status.steps if step.state == "Running"}
    return any(step.name in before for step in running)
