"""Limits of one request that the scoring Pods keep themselves."""

from __future__ import annotations

from comal_operator.api.limits import Limits
from comal_operator.core.children import quantity
from comal_operator.core.durations import parse_duration
from comal_scorer import contract

_QUEUE_WAIT = "5s"


def pod_limits(limits: Limits) -> dict[str, str]:
    """Return the scorer's environment for `limits`; nothing where its own defaults do.

    What stands here is part of the revision, since Pods read it when they start. All other limits
    are the router's, which follows them at once.
    """
    largest = int(quantity(limits.max_body) or 0)
    found = {}
    if largest > contract.DEFAULT_MAX_BODY_BYTES:
        found[contract.MAX_BODY_BYTES_ENV] = str(largest)
    return found | _places(limits)


def _places(limits: Limits) -> dict[str, str]:
    """Return how many requests are worked on at once, and how long others wait for a place."""
    if limits.concurrency_per_pod is None:
        return {}
    wait = parse_duration(limits.queue_wait or _QUEUE_WAIT)
    # The router gives up at its timeout: who waited in vain should hear why before that.
    wait = min(wait, parse_duration(limits.timeout) * 0.9)
    return {
        contract.MAX_IN_FLIGHT_ENV: str(limits.concurrency_per_pod),
        contract.QUEUE_SECONDS_ENV: f"{wait.total_seconds():g}",
        # Processes know nothing of each other's places.
        contract.WORKERS_ENV: "1",
    }
