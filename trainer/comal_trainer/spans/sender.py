"""Sends spans by Azure Monitor's own exporter, and finds out why it could not."""

from __future__ import annotations

import itertools
import json
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from comal_trainer.spans.connection import Connection

# It would tell Microsoft how it fares, ask it for orders, and add a metric to each batch; all of it
# at hosts or costs that nobody asked for.
QUIET: Final = {
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED": "true",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED": "true",
    "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED": "true",
}
os.environ.update(QUIET)

from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter  # noqa: E402 - as above
from opentelemetry.sdk.trace import ReadableSpan  # noqa: E402 - as above
from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: E402 - as above

_SLICE: Final = 512
_PAUSES: Final = (1.0, 4.0, 16.0)
_LONGEST_PAUSE: Final = 60.0
_SECONDS: Final = 10.0
# Whoever says so says it of the string, whatever is sent.
REFUSALS: Final = frozenset({400, 401, 403, 404})
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_QUIET_SECONDS: Final = 60.0


class Sender:
    """Sends with one connection string."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.status: int | None = None
        """How the newest call was answered; None: not at all."""
        self._retry_after = 0.0
        logging.getLogger("azure").setLevel(logging.CRITICAL)
        self._exporter = AzureMonitorTraceExporter(
            connection_string=connection.text,
            disable_offline_storage=True,
            timeout=_SECONDS,
            read_timeout=_SECONDS,
            # Its own would sleep as long as it is told.
            retry_total=0,
            raw_response_hook=self._answered,
        )

    def send(
        self, spans: Iterable[ReadableSpan], stop: threading.Event
    ) -> Iterator[tuple[str, int]]:
        """Send all, with some patience for trouble that passes; tell what became of how many."""
        for part in _slices(spans):
            yield ("sent" if self._send(part, stop) else "dropped"), len(part)

    def _send(self, part: Sequence[ReadableSpan], stop: threading.Event) -> bool:
        for pause in (*_PAUSES, None):
            self.status, self._retry_after = None, 0.0
            if self._exporter.export(part) is SpanExportResult.SUCCESS:
                return True
            passes = self.status is None or self.status in _PASSING
            if pause is None or not passes:
                return False
            if stop.wait(min(max(pause, self._retry_after), _LONGEST_PAUSE)):
                return False
        return False

    def _answered(self, response: Any) -> None:
        self.status = response.http_response.status_code
        said = response.http_response.headers.get("Retry-After", "")
        self._retry_after = float(said) if said.isdigit() else 0.0


class Complaints:
    """Says in a line of the log, once a minute, that spans are lost."""

    def __init__(self) -> None:
        self._next = 0.0
        self._lost = 0

    def lost(self, count: int, why: str) -> None:
        """Note that so many more are lost."""
        self._lost += count
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _QUIET_SECONDS
        print(json.dumps({"event": "spans are lost", "spans": self._lost, "why": why}), flush=True)
        self._lost = 0


def _slices(spans: Iterable[ReadableSpan]) -> Iterator[list[ReadableSpan]]:
    left = iter(spans)
    while part := list(itertools.islice(left, _SLICE)):
        yield part
