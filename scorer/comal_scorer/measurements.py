"""What /metrics shows. One process answers all requests, so plain counters are the whole truth."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from comal_scorer.settings import Settings

EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)


class Measurements:
    """The scorer's metrics in a registry of their own."""

    def __init__(self, settings: Settings) -> None:
        """Create all series at zero, so that rates are right from the first scrape."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "comal_scorer_requests",
            "Requests by HTTP status code; probes and scrapes are not counted.",
            ["code"],
            registry=self._registry,
        )
        self._duration = Histogram(
            "comal_scorer_request_duration_seconds",
            "Time from a request's headers to its answer, for requests that were scored.",
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self.in_flight = Gauge(
            "comal_scorer_in_flight_requests",
            "Scoring requests that have not been answered yet.",
            registry=self._registry,
        )
        Gauge(
            "comal_scorer_model_info",
            "The served model; the value is always 1.",
            ["name", "version", "revision", "digest"],
            registry=self._registry,
        ).labels(
            settings.model_name, settings.model_version, settings.revision, settings.model_digest
        ).set(1)
        # Looking a label up costs more than counting.
        self._by_code = {code: self._requests.labels(str(code)) for code in (200, 400, 500, 503)}

    def count(self, code: int, seconds: float) -> None:
        """Count one answered request."""
        counter = self._by_code.get(code)
        if counter is None:
            counter = self._by_code[code] = self._requests.labels(str(code))
        counter.inc()
        if code == 200:
            self._duration.observe(seconds)

    def exposition(self) -> bytes:
        """Return the text that Prometheus scrapes."""
        return generate_latest(self._registry)
