"""What one request to an endpoint may take."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from comal_operator.api.meta import ApiType, Duration, Quantity, rule, rules
from comal_operator.api.traffic import size_between


def limit_rules() -> list[tuple[str, str]]:
    """Return the rule between limits and who may call."""
    return [
        rule(
            "!has(self.limits.requestsPerSecondPerKey) || self.access.auth == 'Keys'",
            "limits.requestsPerSecondPerKey counts by key, and access.auth None asks for none:"
            " choose auth Keys, or remove requestsPerSecondPerKey",
        )
    ]


class Limits(ApiType):
    """What one request may take, and how many may be under way."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.queueWait) || has(self.concurrencyPerPod)",
                "limits.queueWait is the time in which one of limits.concurrencyPerPod places must"
                " become free: give concurrencyPerPod, or remove queueWait",
            ),
            rule(
                "!has(self.queueWait) || duration(self.queueWait) <= duration(self.timeout)",
                "limits.queueWait must not be longer than limits.timeout (30s when left out), which"
                " ends the wait: lower queueWait or raise timeout",
            ),
        )
    )

    timeout: Annotated[
        Duration,
        Field(
            json_schema_extra=rules(
                rule(
                    "duration(self) >= duration('100ms') && duration(self) <= duration('10m')",
                    "limits.timeout must be from 100ms to 10m:"
                    " choose what your slowest request needs",
                )
            )
        ),
    ] = "30s"
    """How long a caller waits for an answer, repeats included, before the router says 504."""
    max_body: Annotated[
        Quantity, Field(json_schema_extra=size_between("limits.maxBody", "1Ki", "64Mi"))
    ] = "4Mi"
    """Largest request that is taken; larger ones are refused with 413."""
    requests_per_second_per_key: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """How many requests callers with one key may make, each of the two keys for itself; more are
    refused with 429 and Retry-After. Each router counts its half; unlimited when left out.
    """
    concurrency_per_pod: Annotated[int, Field(ge=1, le=1000)] | None = None
    """How many requests a Pod works on at once; further ones wait in it. When left out the scorer
    decides by the model's speed and the Pod's cores. Pods must know it, so a change of this or of
    queueWait is a new revision.
    """
    queue_wait: Duration | None = None
    """How long a request waits in its Pod for one of these places before it is refused with 503
    and Retry-After; 5s when left out, and at most nine tenths of timeout. 0s refuses at once.
    """
