"""One request that a candidate must answer right before it gets any live one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from comal_operator.api.meta import BY_NAME, ApiType, Duration, remedy, rule, rules

_Text = Annotated[str, Field(max_length=8192)]


class SmokeHeader(ApiType):
    """One header of the request."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$",
            max_length=64,
            json_schema_extra=remedy("must be a header's name such as traceparent"),
        ),
    ]
    """Name of the header."""
    value: Annotated[
        str,
        Field(
            pattern=r"^[ -~]*$",
            max_length=512,
            json_schema_extra=remedy("must be printable ASCII on one line"),
        ),
    ]
    """Its value."""


class SmokeExpectation(ApiType):
    """What the answer must be."""

    status: Annotated[int, Field(ge=100, le=599)] = 200
    """Status code."""
    json_: Annotated[_Text | None, Field(alias="json")] = None
    """JSON that the answer must contain, as text: every field and list that is named must be there
    and equal; objects may have more fields, lists must have as many items; null stands for any.
    """
    tolerance: Annotated[
        str,
        Field(
            pattern=r"^[0-9]+(\.[0-9]+)?([eE]-?[0-9]{1,2})?$",
            max_length=16,
            json_schema_extra=remedy('must be a number in quotes such as "0.02"'),
        ),
    ] = "0"
    """How far a number may be off."""


class Smoke(ApiType):
    """One request, sent by a Job to the candidate's own Service."""

    method: Literal["GET", "POST", "PUT"] = "POST"
    """Method."""
    path: Annotated[
        str,
        Field(
            pattern=r"^/[!-~]*$",
            max_length=256,
            json_schema_extra=remedy("must start with / and hold no spaces, such as /score"),
        ),
    ] = "/score"
    """Path."""
    headers: Annotated[
        tuple[SmokeHeader, ...], Field(max_length=16, json_schema_extra=BY_NAME)
    ] = ()
    """Headers, such as traceparent; content-type is application/json unless it is given."""
    body: Annotated[str, Field(max_length=16384)] | None = None
    """Body, as text."""
    expect: SmokeExpectation = SmokeExpectation()
    """What the answer must be."""
    retries: Annotated[int, Field(ge=0, le=600)] = 3
    """How often the request is repeated, a second apart, before the candidate has failed."""
    timeout: Annotated[
        Duration,
        Field(
            json_schema_extra=rules(
                rule(
                    "duration(self) >= duration('100ms') && duration(self) <= duration('10m')",
                    "smoke.timeout must be from 100ms to 10m: choose what one answer takes",
                )
            )
        ),
    ] = "30s"
    """How long one try may take."""
