"""What Azure Monitor's exporter sends reaches the bed."""

from __future__ import annotations

import pytest
from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from fake_azure import insights
from fake_azure.bed import Bed


def test_a_span_arrives_under_its_service(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    # It would tell Microsoft how it fares, from a thread of its own, while later tests run.
    monkeypatch.setenv("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
    key = "55555555-5555-5555-5555-555555555555"
    said = f"InstrumentationKey={key};IngestionEndpoint=https://{insights.HOST}/"
    exporter = AzureMonitorTraceExporter(connection_string=said, disable_offline_storage=True)
    resource = Resource.create({"service.name": "scorer", "service.namespace": "comal"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("score"):
        pass
    provider.shutdown()
    mine = [one for one in bed.envelopes if one["iKey"] == key]
    assert mine
    assert mine[-1]["tags"]["ai.cloud.role"] == "comal.scorer"
