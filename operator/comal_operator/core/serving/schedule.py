"""The rollout's steps and times, as the spec says them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from comal_operator.api.model_deployment import ModelDeploymentSpec, RolloutStep
from comal_operator.core.durations import parse_duration
from comal_operator.core.serving.memory import FULL, plain


@dataclass(frozen=True)
class Schedule:
    """The spec's rollout, parsed."""

    steps: tuple[RolloutStep, ...]
    startup_timeout: timedelta
    drain: timedelta
    bake: timedelta
    deadline: timedelta

    @classmethod
    def of(cls, spec: ModelDeploymentSpec) -> Schedule:
        """Return the schedule of `spec`."""
        rollout = spec.rollout
        return cls(
            rollout.steps,
            parse_duration(spec.predictor.startup_timeout),
            parse_duration(rollout.drain),
            parse_duration(rollout.bake),
            parse_duration(rollout.deadline),
        )

    @property
    def shares(self) -> list[str]:
        """Return every share that a candidate passes, 100 at the end."""
        named = [plain(Decimal(step.percent)) for step in self.steps]
        return named if named and named[-1] == FULL else [*named, FULL]

    def hold(self, weight: str) -> timedelta:
        """Return how long `weight` is held."""
        for step in self.steps:
            if Decimal(step.percent) == Decimal(weight):
                return parse_duration(step.for_)
        return timedelta(0)

    def after(self, weight: str) -> str:
        """Return the share that follows `weight`."""
        return next((one for one in self.shares if Decimal(one) > Decimal(weight)), FULL)
