"""A sweep: trials with other parameters, of which the best goes on to gate and registration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import UNIQUE, ApiType, Decimal, rule, rules
from comal_operator.api.training_gate import MetricName


class Bounds(ApiType):
    """From where to where."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "double(self.min) <= double(self.max)",
                "min is greater than max: exchange them or correct one",
            )
        )
    )

    min: Decimal
    """The least value."""
    max: Decimal
    """The greatest value."""


class SearchSpace(ApiType):
    """The values that one parameter may take."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "[has(self.choice), has(self.uniform), has(self.logUniform), has(self.integer)]"
                ".filter(x, x).size() == 1",
                "a parameter of the sweep must have exactly one of choice, uniform, logUniform and"
                " integer: keep one of them",
            )
        )
    )

    choice: (
        Annotated[
            tuple[Annotated[str, Field(max_length=256)], ...],
            Field(min_length=1, max_length=64, json_schema_extra=UNIQUE),
        ]
        | None
    ) = None
    """One of these."""
    uniform: Bounds | None = None
    """Any number between the two."""
    log_uniform: (
        Annotated[
            Bounds,
            Field(
                json_schema_extra=rules(
                    rule(
                        "double(self.min) > 0.0",
                        "logUniform takes logarithms: choose a min above 0",
                    )
                )
            ),
        ]
        | None
    ) = None
    """Any number between the two, by its logarithm; both above 0."""
    integer: (
        Annotated[
            Bounds,
            Field(
                json_schema_extra=rules(
                    rule(
                        "[self.min, self.max].all(n, n.matches('^-?[0-9]{1,15}$'))",
                        "integer goes between whole numbers: write them without a point",
                    )
                )
            ),
        ]
        | None
    ) = None
    """Any whole number between the two."""


class Objective(ApiType):
    """What the best trial is best at."""

    metric: MetricName
    """The metric in metrics.json."""
    goal: Literal["Minimize", "Maximize"]
    """Whether less or more of it is better."""


class Sweep(ApiType):
    """Trials with other parameters, each a TrainingRun of its own; the best one's model is gated
    and registered.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.sampler != 'Grid' || self.parameters.all(k, has(self.parameters[k].choice))",
                "sweep.sampler Grid tries every combination, so each of its parameters needs a"
                " choice: list the values, or choose sampler Random or TPE",
            ),
        )
    )

    parameters: Annotated[dict[str, SearchSpace], Field(min_length=1, max_length=16)]
    """Parameters that the trials vary, with the values that they may take; the others stay as in
    spec.parameters.
    """
    sampler: Literal["Grid", "Random", "TPE"] = "TPE"
    """Grid: every combination. Random: any. TPE: guided by the results so far (Optuna's)."""
    seed: Annotated[int, Field(ge=0, le=2147483647)] = 0
    """Seed of the sampler: equal seeds and results suggest equal trials."""
    max_trials: Annotated[int, Field(ge=1, le=256)]
    """Number of trials at most."""
    parallelism: Annotated[int, Field(ge=1, le=32)] = 1
    """Trials at the same time at most."""
    objective: Objective
    """What the best trial is best at."""
    pruner: Literal["None", "Median"] = "None"
    """Median stops a trial whose reported metric is worse than the median of the earlier ones at
    the same step.
    """
