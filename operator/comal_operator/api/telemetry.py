"""Where an endpoint's traces go."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from comal_operator.api.azure_ml import CaBundle, Proxy
from comal_operator.api.meta import PORT_PATTERN, ApiType, remedy, rule, rules
from comal_operator.api.training_step import KeyRef


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


class AzureMonitor(ApiType):
    """An Application Insights resource. A Pod of the endpoint's own passes spans on to it."""

    connection_string: KeyRef
    """A Secret's key with the resource's connection string. That one Pod alone is given it; what is
    written into the Secret later holds within minutes.
    """
    proxy: Proxy | None = None
    """By which Azure is called; directly when left out."""
    ca_bundle: CaBundle | None = None
    """A company's own authorities, where its proxy opens what it lets through."""


class Telemetry(ApiType):
    """Where the spans of routers and scoring Pods go. No request waits for them or fails by them.

    Routers follow a change at once; scoring Pods are told by a new revision.
    """

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.otlp) != has(self.azureMonitor)",
                "telemetry must be exactly one of otlp and azureMonitor: give one; for both, give"
                " otlp and let the collector export to Azure Monitor",
            )
        )
    )

    otlp: Otlp | None = None
    """Where spans are sent, by a collector that is there already."""
    azure_monitor: AzureMonitor | None = None
    """Where spans are sent, without a collector."""
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
