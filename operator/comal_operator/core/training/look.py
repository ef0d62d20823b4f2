"""One look at a TrainingRun: what it is judged by, and the state that the judgement ends in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from comal_operator.api.training_run import TrainingRunSpec
from comal_operator.api.training_run_status import StepStatus, TrainingRunStatus
from comal_operator.core.children import is_ours
from comal_operator.core.plan import Action, Create, Manifest, Question, Seen, Settings
from comal_operator.core.reasons import RunReason
from comal_operator.core.training.problems import Diagnosis
from comal_operator.core.training.verdict import Verdict


@dataclass(frozen=True)
class Look:
    """All that one decision is made of."""

    run: Manifest
    spec: TrainingRunSpec
    status: TrainingRunStatus
    seen: Seen
    now: datetime
    settings: Settings
    steps: tuple[StepStatus, ...]
    questions: tuple[Question, ...] = ()
    """What must be known before the ends of attempts are written down for good."""
    look_again: timedelta | None = None
    """When time alone changes what became of the steps."""


@dataclass(frozen=True)
class Facts:
    """What is known of the model by now."""

    metrics: Mapping[str, str] | None = None
    verdict: Verdict | None = None
    version: str | None = None
    memory: Mapping[str, Any] = field(default_factory=dict)
    """Those of status.data, sweep, gate and steps that are to be remembered; the others stay."""


@dataclass(frozen=True)
class State:
    """What the status says: on its way, stalled, or at one of the two ends."""

    kind: Literal["Going", "Stalled", "Complete", "Failed", "Cancelled", "Suspended"]
    reason: RunReason
    message: str
    active_step: str | None = None
    facts: Facts = field(default_factory=Facts)
    is_over: bool = False
    """Whether nothing but what is kept of the run stands between it and its end."""

    @property
    def is_final(self) -> bool:
        """Whether nothing ever happens after it."""
        return self.kind in ("Complete", "Failed", "Cancelled")


@dataclass(frozen=True)
class Next:
    """A state, and what to do, to ask or to wait for in it."""

    state: State
    actions: tuple[Action, ...] = ()
    questions: tuple[Question, ...] = ()
    look_again: timedelta | None = None
    memory_first: bool = False
    """Whether the status must be written before the actions, which are built on it."""
    made_first: tuple[Action, ...] = ()
    """What must be there before the state is remembered: nothing is made for what has ended."""


def create(look: Look, manifests: Sequence[Manifest], state: State) -> Next | None:
    """Return how those of `manifests` come to be that are missing; None when all are there.

    Creating, not applying: a run's children are made once, and drift in them is not the run's.
    """
    missing = []
    for manifest in manifests:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        live = look.seen.get(kind, name)
        if live is not None:
            owned = "ownerReferences" in manifest["metadata"]
            if owned and not is_ours(live, look.run):
                return Next(_stalled(state, RunReason.NAME_CONFLICT, _conflict(kind, name)))
            continue
        refusal = look.seen.refusals.get((kind, name))
        if refusal is not None:
            return refused(state, kind, name, refusal)
        missing.append(Create(manifest))
    return Next(state, tuple(missing)) if missing else None


def refused(state: State, kind: str, name: str, message: str) -> Next:
    """Return the state after a write that the API server refused; tried again by the minute."""
    if "exceeded quota" in message:
        going = State("Going", RunReason.QUOTA_EXCEEDED, message, state.active_step, state.facts)
        return Next(going, look_again=timedelta(minutes=1))
    text = f"{kind} {name} was refused: {message}"
    stalled = _stalled(state, RunReason.CHILD_REFUSED, text)
    return Next(stalled, look_again=timedelta(minutes=1))


def troubled(state: State, diagnosis: Diagnosis) -> Next:
    """Return `state`, or the problem that keeps it from going on."""
    problem = diagnosis.problem
    if problem is not None:
        kind: Literal["Going", "Stalled"] = "Stalled" if problem.stalled else "Going"
        state = State(kind, problem.reason, problem.message, state.active_step, state.facts)
    return Next(state, questions=diagnosis.questions, look_again=diagnosis.look_again)


def _stalled(state: State, reason: RunReason, message: str) -> State:
    return State("Stalled", reason, message, state.active_step, state.facts)


def _conflict(kind: str, name: str) -> str:
    return f"{kind} {name} exists and is not this run's: delete it"
