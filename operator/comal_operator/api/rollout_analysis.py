"""What a candidate must keep to while it climbs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import BY_NAME, ApiType, Duration, remedy, rule, rules
from comal_operator.api.rollout_checks import MOST_CHECKS, Check

Fraction = Annotated[
    str,
    Field(
        pattern=r"^(1(\.0+)?|0(\.[0-9]{1,6})?)$",
        max_length=8,
        json_schema_extra=remedy('must be a fraction in quotes from "0" to "1", such as "0.01"'),
    ),
]
Ratio = Annotated[
    str,
    Field(
        pattern=r"^[1-9][0-9]{0,3}(\.[0-9]{1,3})?$",
        max_length=8,
        json_schema_extra=remedy('must be a ratio in quotes from "1", such as "1.2"'),
    ),
]


class ErrorAnalysis(ApiType):
    """Bounds on the share of requests that end with 5xx or without an answer."""

    max_rate: Fraction = "0.01"
    """Highest share of failed requests; "1" judges by worseThanStableBy alone."""
    worse_than_stable_by: Fraction | None = None
    """How much higher the share may be than stable's in the same time."""


class LatencyAnalysis(ApiType):
    """A bound on how slow the candidate may be."""

    quantile: Literal["p50", "p90", "p95", "p99"] = "p95"
    """Which quantile of the routers' histograms is compared."""
    max_ratio_to_stable: Ratio
    """Highest ratio of the candidate's quantile to stable's."""
    min_requests: Annotated[int, Field(ge=20, le=1_000_000)] = 100
    """Requests that stable and candidate must have answered before latencies are compared."""


def answer_rules() -> list[tuple[str, str]]:
    """Return the rule between what answers must be and what there is to compare."""
    return [
        rule(
            "!has(self.rollout.analysis.answers)"
            " || !has(self.rollout.analysis.answers.maxDifferent)"
            " || (has(self.traffic.mirror) && double(self.traffic.mirror.percent) > 0.0)"
            " || (has(self.rollout.steps) && self.rollout.steps.exists(s, has(s.shadow)))",
            "rollout.analysis.answers.maxDifferent judges answers to copies, and there are none:"
            " add a step with shadow, or traffic.mirror",
        )
    ]


class AnswerAnalysis(ApiType):
    """How far answers of the candidate to copies may differ from stable's to the requests.

    Compared while there are copies: at a step with a shadow, and by traffic.mirror. A copy whose
    own or whose request's answer is late, lost or refused is not compared.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.maxDifferent) || double(self.maxDifferent) < 1.0",
                'answers.maxDifferent "1" judges nothing: choose less, or remove it to be told',
            )
        )
    )

    max_different: Fraction | None = None
    """Highest share of answers that may differ; when left out they are counted and told alone."""
    tolerance: Fraction = "0.001"
    """How far a number may be off to be the same: so much, and of one above 1 that part of it."""
    min_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """Answers that must be compared before a step with copies is left, where maxDifferent is given.

    onInsufficientTraffic says what happens when they do not come, onError when Pods show none.
    """
    every: Annotated[
        Duration,
        Field(
            json_schema_extra=rules(
                rule(
                    "duration(self) >= duration('10s') && duration(self) <= duration('24h')",
                    "answers.every must be from 10s to 24h: each time is a Pod",
                )
            )
        ),
    ] = "30s"
    """How often the answers since the last time are compared."""


class Analysis(ApiType):
    """What a candidate must keep to, from the routers' own counters, read each second.

    Tests are sequential: they may decide at any request, and reject one of a hundred candidates at
    most that sit exactly at a bound.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.errors) || double(self.errors.maxRate) < 1.0"
                " || has(self.errors.worseThanStableBy) || has(self.latency)"
                " || (has(self.checks) && self.checks.size() > 0)"
                " || (has(self.answers) && has(self.answers.maxDifferent))",
                'analysis.errors.maxRate "1" alone judges nothing:'
                " add errors.worseThanStableBy, latency or checks, or choose a lower maxRate",
            )
        )
    )

    errors: ErrorAnalysis = ErrorAnalysis()
    """Bounds on failed requests, those that a retry hid from callers included."""
    latency: LatencyAnalysis | None = None
    """A bound on slowness; not judged when left out."""
    answers: AnswerAnalysis | None = None
    """How far answers to copies may differ from stable's; only counted and told when left out."""
    checks: Annotated[
        tuple[Check, ...], Field(max_length=MOST_CHECKS, json_schema_extra=BY_NAME)
    ] = ()
    """Further checks, by Prometheus query or by Job; their results are in status.analysis.checks.

    A step is left only when each has passed. An endpoint's first revision has none of them.
    """
    on_insufficient_traffic: Literal["Hold", "Promote", "Fail"] = "Hold"
    """What happens when a step's `for` is over and its minRequests have not come.

    Hold waits for them until the deadline, Promote goes on, Fail rolls back.
    """
    on_error: Literal["Hold", "Rollback", "Continue"] = "Hold"
    """What happens when a check cannot be evaluated: no answer, no value, a Job that cannot run.

    Hold tries again until the deadline, Rollback rejects the candidate, Continue goes on without.
    """
