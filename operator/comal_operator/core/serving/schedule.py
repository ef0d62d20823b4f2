"""The rollout's steps, times and rules, as the spec says them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from comal_operator.api.model_deployment import ModelDeploymentSpec
from comal_operator.api.rollout import RolloutStep
from comal_operator.api.rollout_analysis import Analysis
from comal_operator.api.rollout_smoke import Smoke
from comal_operator.core.durations import parse_duration
from comal_operator.core.serving.memory import FULL, NONE, Memory, plain

Place = tuple[Decimal, Decimal]
"""Share and shadow in percent: steps rise by share, and by shadow while the share is none."""


@dataclass(frozen=True)
class Stage:
    """One step, parsed."""

    weight: str
    shadow: str | None = None
    hold: timedelta = timedelta(0)
    min_requests: int | None = None
    smoke: Smoke | None = None
    needs_approval: bool = False

    @classmethod
    def of(cls, step: RolloutStep) -> Stage:
        """Return the stage of `step`."""
        return cls(
            weight=plain(Decimal(step.percent)) if step.percent is not None else NONE,
            shadow=plain(Decimal(step.shadow)) if step.shadow is not None else None,
            hold=parse_duration(step.for_),
            min_requests=step.min_requests,
            smoke=step.smoke,
            needs_approval=step.approval is not None,
        )

    @property
    def place(self) -> Place:
        """Where it stands among the others."""
        return Decimal(self.weight), Decimal(self.shadow or NONE)

    def __str__(self) -> str:
        return f"a shadow of {self.shadow}" if self.shadow else self.weight


@dataclass(frozen=True)
class Schedule:
    """The spec's rollout, parsed."""

    stages: tuple[Stage, ...]
    startup_timeout: timedelta
    drain: timedelta
    bake: timedelta
    deadline: timedelta
    analysis: Analysis
    holds_on_failure: bool
    paused: bool
    suspended: bool
    approved_revisions: frozenset[str]
    mirrors: bool
    """Whether the candidate gets copies of requests at every step."""

    @classmethod
    def of(cls, spec: ModelDeploymentSpec) -> Schedule:
        """Return the schedule of `spec`."""
        rollout = spec.rollout
        stages = [Stage.of(step) for step in rollout.steps]
        if not stages or stages[-1].weight != FULL:
            stages.append(Stage(FULL))
        return cls(
            tuple(stages),
            parse_duration(spec.predictor.startup_timeout),
            parse_duration(rollout.drain),
            parse_duration(rollout.bake),
            parse_duration(rollout.deadline),
            rollout.analysis,
            rollout.on_failure == "Hold",
            rollout.paused,
            spec.suspend,
            frozenset(rollout.approved_revisions),
            spec.traffic.mirror is not None and Decimal(spec.traffic.mirror.percent) > 0,
        )

    @property
    def smoke(self) -> Smoke | None:
        """The smoke test, at whichever step it stands."""
        return next((one.smoke for one in self.stages if one.smoke is not None), None)

    def stage(self, memory: Memory) -> Stage:
        """Return the step that the candidate is at; a bare one if the spec names no such step.

        Before the first share it stands at nothing, and the spec may have changed under it.
        """
        here = place_of(memory)
        bare = Stage(memory.weight or NONE, memory.shadow)
        return next((one for one in self.stages if one.place == here), bare)

    def after(self, memory: Memory) -> Stage:
        """Return the step that follows; the last one for a candidate that takes over without."""
        candidate = memory.candidate
        if candidate is not None and (candidate.warm or candidate.expedited):
            return Stage(FULL)
        here = place_of(memory)
        return next((one for one in self.stages if one.place > here), Stage(FULL))

    def number(self, memory: Memory) -> int:
        """Return how many of the steps are reached."""
        return sum(one.place <= place_of(memory) for one in self.stages)


def place_of(memory: Memory) -> Place:
    """Return where the candidate stands."""
    return Decimal(memory.weight or NONE), Decimal(memory.shadow or NONE)
