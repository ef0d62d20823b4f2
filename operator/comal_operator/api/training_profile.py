"""A profile: how fast the model answers under several sizes, and which size is enough."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from comal_operator.api.meta import ApiType, Duration, Quantity


class Size(ApiType):
    """CPU and memory of one scoring Pod."""

    cpu: Quantity
    """CPU that the Pod may use."""
    memory: Quantity
    """Memory that the Pod may use."""


class ProfileTarget(ApiType):
    """What the recommended size must reach."""

    p95: Duration | None = None
    """The time within which 95 of 100 requests are answered."""


class Profile(ApiType):
    """A short load on the scoring container under several sizes before the model is registered."""

    request: Annotated[
        dict[str, Any],
        Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}),
    ]
    """The body of a scoring request, as callers send it to /score."""
    sizes: Annotated[tuple[Size, ...], Field(min_length=1, max_length=6)]
    """The sizes to try, smallest first."""
    seconds: Annotated[int, Field(ge=1, le=120)] = 5
    """How long each is loaded."""
    concurrency: Annotated[int, Field(ge=1, le=64)] = 2
    """Requests at the same time."""
    target: ProfileTarget = ProfileTarget()
    """What the recommended size must reach; without one, the size with the most requests a second
    for its CPU is recommended.
    """
