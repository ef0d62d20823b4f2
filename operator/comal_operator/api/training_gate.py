"""The gate of a TrainingRun: what must hold for its model to be registered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import ApiType, Decimal, remedy, rule, rules

MetricName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_][-./A-Za-z0-9_]*$",
        min_length=1,
        max_length=63,
        json_schema_extra=remedy(
            "must be the name of a metric in metrics.json: a letter or _,"
            " then letters, digits, _ . / and -"
        ),
    ),
]
# A version can also be named by its number, so an alias must not look like one.
Alias = Annotated[
    str,
    Field(
        pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
        min_length=1,
        max_length=40,
        json_schema_extra=rules(
            rule(
                r"self != 'latest' && !self.matches('^v[0-9]+$')",
                "an alias must not be latest or look like a version (v2):"
                " choose a word such as candidate or production",
            )
        )
        | remedy(
            "must be lower-case letters, digits and dashes, start with a letter"
            " and end with a letter or digit"
        ),
    ),
]


class BaselineChoice(ApiType):
    """What the candidate is compared with."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                # A default is checked before its own defaults are filled in.
                "has(self.alias) == (has(self.select) && self.select == 'Alias')",
                "baseline.alias names the version that select: Alias compares with:"
                " give both or neither",
            ),
            rule(
                "!has(self.measure) || self.measure != 'SameData' || self.select != 'All'",
                "baseline.measure SameData scores one version again, but select: All means all of"
                " them: choose measure Recorded, or select Best",
            ),
        )
    )

    select: Literal["Latest", "Best", "Deployed", "Alias", "All", "None"] = "Latest"
    """Latest: the newest registered version. Best: the one with the best recorded metric.
    Deployed: the newest that a ModelDeployment of the namespace serves as its stable one. Alias:
    the one that has the alias. All: every registered version must be beaten. None: only threshold
    and guards decide.
    """
    alias: Alias | None = None
    """The alias, with select: Alias."""
    measure: Literal["SameData", "Recorded"] = "Recorded"
    """Recorded compares with the metric that was written down when the version was registered.
    SameData lays the version's model into the steps with role Evaluate (COMAL_BASELINE_DIR), which
    score it on this run's data.
    """


class Guard(ApiType):
    """A further metric that must keep within bounds."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.min) || has(self.max) || has(self.maxDrop) || has(self.maxRise)",
                "a guard needs at least one of min, max, maxDrop and maxRise: add one",
            )
        )
    )

    metric: MetricName
    """The metric in metrics.json."""
    min: Decimal | None = None
    """The least that it may be."""
    max: Decimal | None = None
    """The most that it may be."""
    max_drop: Decimal | None = None
    """How much lower than the baseline's it may be."""
    max_rise: Decimal | None = None
    """How much higher than the baseline's it may be."""


class Gate(ApiType):
    """The condition under which the trained model is registered."""

    metric: MetricName
    """The number in metrics.json that decides."""
    goal: Literal["Minimize", "Maximize"]
    """Whether less or more of it is better."""
    min_delta: Annotated[
        Decimal,
        Field(
            json_schema_extra=rules(
                rule("!self.startsWith('-')", 'minDelta must not be negative: use "0" or more')
            )
        ),
    ] = "0"
    """The candidate must be better than the baseline by more than this; equal is not better."""
    threshold: Decimal | None = None
    """The least that even the first model must reach: at most this with Minimize, at least this
    with Maximize.
    """
    baseline: BaselineChoice = BaselineChoice()
    """What the candidate is compared with."""
    guards: Annotated[
        tuple[Guard, ...],
        Field(
            max_length=16,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["metric"],
            },
        ),
    ] = ()
    """Further metrics that must keep within bounds."""
    on_reject: Literal["Complete", "Fail", "Cancel"] = "Complete"
    """How a rejected run ends: as Complete (a rejection is a result), as Failed, or as cancelled.
    """
