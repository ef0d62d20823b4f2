"""Limits of one request that the scoring Pods keep themselves."""

from __future__ import annotations

from comal_operator.api.model_deployment import Limits
from comal_operator.core.children import quantity
from comal_scorer import contract


def pod_limits(limits: Limits) -> dict[str, str]:
    """Return the scorer's environment for `limits`; nothing where its own defaults do.

    What stands here is part of the revision, since Pods read it when they start. All other limits
    are the router's, which follows them at once.
    """
    largest = int(quantity(limits.max_body) or 0)
    found = {}
    if largest > contract.DEFAULT_MAX_BODY_BYTES:
        found[contract.MAX_BODY_BYTES_ENV] = str(largest)
    return found
