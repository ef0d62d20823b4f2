"""What /metrics shows; every name is explained in docs/operations.md."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

RECONCILES = Counter(
    "comal_reconciles_total", "Looks at objects, by how they ended.", ["kind", "result"]
)
RECONCILE_SECONDS = Histogram(
    "comal_reconcile_duration_seconds", "How long a look took.", ["kind"], buckets=_FAST
)
API_CALLS = Counter(
    "comal_api_calls_total", "Calls to the API server.", ["verb", "resource", "outcome"]
)
API_CALL_SECONDS = Histogram(
    "comal_api_call_duration_seconds", "How long calls took.", ["verb"], buckets=_FAST
)
EVENTS = Counter("comal_watch_events_total", "Events that the watches delivered.", ["kind"])
PROGRESS_REPORTS = Counter(
    "comal_progress_reports_total", "Progress reports of steps, by what was answered.", ["status"]
)
QUEUE_DEPTH = Gauge("comal_queue_depth", "Objects that wait to be looked at.")
CACHED = Gauge("comal_cached_objects", "Objects in the cache.")
LEASE_HELD = Gauge("comal_lease_held", "1 while this replica may write, else 0.")
WATCH_LAG = Gauge(
    "comal_watch_lag_seconds", "How far the watches were behind at the last audit that judged."
)
LOOP_LAG = Gauge("comal_event_loop_lag_seconds", "How late the event loop was at the last look.")
TROUBLE = Gauge(
    "comal_object_trouble",
    "1 for each condition of an object that is not as it should be.",
    ["kind", "namespace", "name", "condition", "reason"],
)
