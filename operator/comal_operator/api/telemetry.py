"""Where an endpoint's traces go."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from comal_operator.api.meta import PORT_PATTERN, ApiType, remedy


class Otlp(ApiType):
    """An OpenTelemetry Collector, or whatever else takes OTLP over HTTP."""

    endpoint: Annotated[
        str,
        Field(
            pattern=rf"^http://[a-z0-9]([-.a-z0-9]*[a-z0-9])?:{PORT_PATTERN}$",
            max_length=253,
            json_schema_extra=remedy(
                "must be http://, a host and a port, without a path, such as"
                " http://otel-collector.monitoring:4318; a collector near the endpoint holds"
                " credentials and speaks https to what is behind it"
            ),
        ),
    ]
    """Its address, such as http://otel-collector.monitoring:4318; /v1/traces is added to it."""


class Telemetry(ApiType):
    """Where the spans of routers and scoring Pods go. No request waits for them or fails by them.

    Routers follow a change at once; scoring Pods are told by a new revision.
    """

    otlp: Otlp
    """Where spans are sent."""
    sample: Annotated[
        str,
        Field(
            max_length=12,
            pattern=r"^(1(\.0+)?|0(\.[0-9]{1,6})?)$",
            json_schema_extra=remedy(
                'must be a share in quotes from "0" to "1", such as "0.05", of six decimals at most'
            ),
        ),
    ] = "1"
    """Which share of the requests that bring no traceparent is traced. Those that bring one are
    traced as it says, so with "0" they alone are.
    """
