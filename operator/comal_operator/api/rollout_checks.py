"""Further checks of a candidate: a query to a Prometheus server, or a program of the user's own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from comal_operator.api.meta import (
    BY_NAME,
    ApiType,
    Decimal,
    DnsLabel,
    Duration,
    ForeignName,
    Image,
    remedy,
    rule,
    rules,
)
from comal_operator.api.training_step import Argument, KeyRef, Resources

MOST_CHECKS = 8
# What a query and a Job's arguments may name as $(NAME), and a Job's environment holds.
CHECK_VARIABLES = (
    "COMAL_ENDPOINT",
    "COMAL_NAMESPACE",
    "COMAL_CANDIDATE_PERCENT",
    "COMAL_CANDIDATE_REVISION",
    "COMAL_CANDIDATE_MODEL_VERSION",
    "COMAL_CANDIDATE_URL",
    "COMAL_STABLE_REVISION",
    "COMAL_STABLE_MODEL_VERSION",
    "COMAL_STABLE_URL",
)
_KNOWN = ", ".join(f"'$({name})'" for name in CHECK_VARIABLES)


def _between(least: str, most: str, message: str) -> dict[str, Any]:
    bounds = f"duration(self) >= duration('{least}') && duration(self) <= duration('{most}')"
    return rules(rule(bounds, message))


class PrometheusCheck(ApiType):
    """A query whose every value must lie within bounds.

    A Job in this namespace asks, so the address must answer Pods of this namespace; the operator
    itself calls nobody. Asked when the step begins, each `every`, and once more when the step's
    `for` is over.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.min) || has(self.max)",
                "prometheus has neither min nor max: give a bound, or it judges nothing",
            ),
            rule(
                "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
                "prometheus.min is above prometheus.max: no value could pass; exchange them",
            ),
        )
    )

    address: Annotated[
        str,
        Field(
            pattern=r"^https?://[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?(:[0-9]{1,5})?"
            r"(/[-._~A-Za-z0-9]+)*$",
            max_length=256,
            json_schema_extra=remedy(
                "must be a server's address such as http://prometheus.monitoring:9090,"
                " without a slash at its end, user or query"
            ),
        ),
    ]
    """Address of the server, without /api/v1/query."""
    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=2048,
            json_schema_extra=rules(
                rule(
                    rf"self.findAll('\\$\\([^)]*\\)').all(v, v in [{_KNOWN}])",
                    "query names a variable that does not exist: write $(COMAL_CANDIDATE_REVISION)"
                    " or another one of docs/rollouts.md",
                )
            ),
        ),
    ]
    """PromQL that gives a number or a vector; $(COMAL_CANDIDATE_REVISION) and the like are filled
    in. No series, NaN, or no answer: it could not be evaluated, and onError says what then.
    """
    min: Decimal | None = None
    """Least value that is good."""
    max: Decimal | None = None
    """Greatest value that is good."""
    every: Annotated[
        Duration,
        Field(
            json_schema_extra=_between(
                "10s", "24h", "prometheus.every must be from 10s to 24h: each time is a Pod"
            )
        ),
    ] = "1m"
    """How often it is asked while a step goes on."""
    timeout: Annotated[
        Duration,
        Field(
            json_schema_extra=_between(
                "100ms", "1m", "prometheus.timeout must be from 100ms to 1m: choose less"
            )
        ),
    ] = "10s"
    """How long one answer may take; there are three tries."""
    failures: Annotated[int, Field(ge=1, le=100)] = 1
    """How many times in a row a value must be out of bounds before the candidate has failed."""
    token_secret: KeyRef | None = None
    """A key of a Secret of this namespace that is sent as bearer token."""


class CheckVariable(ApiType):
    """One environment variable of a check."""

    name: Annotated[
        str,
        Field(
            max_length=253,
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
            json_schema_extra=remedy(
                "must be the name of an environment variable: a letter or _,"
                " then letters, digits and _"
            )
            | rules(
                rule(
                    "!self.startsWith('COMAL_')",
                    "env names that start with COMAL_ are set by the operator: choose another name",
                )
            ),
        ),
    ]
    """Its name."""
    value: Annotated[str, Field(max_length=4096)]
    """Its value; no secrets, for which there is secretName."""


class JobCheck(ApiType):
    """A program that judges the candidate: exit code 0 passes, any other fails.

    It runs as the endpoint's own Pods do: without a token, without rights, restricted. Where the
    candidate is found stands in COMAL_CANDIDATE_URL. The end of its log is kept when it fails.
    """

    image: Image
    """Its image."""
    command: Annotated[tuple[Argument, ...], Field(max_length=64)] = ()
    """Instead of the image's entrypoint."""
    args: Annotated[tuple[Argument, ...], Field(max_length=64)] = ()
    """Its arguments; $(COMAL_CANDIDATE_URL) and the like are filled in."""
    env: Annotated[tuple[CheckVariable, ...], Field(max_length=32, json_schema_extra=BY_NAME)] = ()
    """Environment variables beside the operator's own."""
    secret_name: ForeignName | None = None
    """A Secret of this namespace whose keys are environment variables too."""
    resources: Resources | None = None
    """What it asks for and may use at most."""
    run: Literal["Once", "EachStep"] = "Once"
    """Once: before the first live request. EachStep: at every step with a share or a shadow."""
    timeout: Annotated[
        Duration,
        Field(
            json_schema_extra=_between(
                "1s", "24h", "job.timeout must be from 1s to 24h: choose what one run takes"
            )
        ),
    ] = "10m"
    """How long it may take from its start, pulling the image included; longer: it could not be
    evaluated.
    """


class Check(ApiType):
    """One more thing that a candidate must keep to."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.prometheus) != has(self.job)",
                "a check must have exactly one of prometheus and job: keep one of them",
            )
        )
    )

    name: DnsLabel
    """Its name, as status.analysis.checks shows it."""
    prometheus: PrometheusCheck | None = None
    """A query to a Prometheus server."""
    job: JobCheck | None = None
    """A program."""
