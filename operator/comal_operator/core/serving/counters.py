"""What a router has counted of each revision, read from its statistics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

# By revision: a revision's endpoints are a locality of their own, and Envoy counts by locality.
_NAME: Final = re.compile(
    r"^cluster\.[^.]+\.zone\.router\.(?P<revision>[^.]+)\."
    r"(?P<stat>upstream_rq_completed|upstream_rq_5xx|upstream_rq_time)$"
)
COUNTERS_PATH: Final = (
    "/stats?format=json&histogram_buckets=detailed"
    "&filter=%5Ecluster%5C..*%5C.zone%5C.router%5C."
    ".*upstream_rq_(completed%7C5xx%7Ctime)%24"
)
# Failures that a retry hid from the caller are in no locality's counters, only in the hosts'.
HOSTS_PATH: Final = "/clusters?format=json"


@dataclass(frozen=True)
class Counters:
    """What one router has seen of one revision since it started; counts only grow."""

    requests: int = 0
    errors: int = 0
    """Requests that ended with 5xx or without an answer, retried or not."""
    latency: Mapping[float, int] = field(default_factory=dict)
    """Answers by lower bound of their duration in milliseconds."""

    def since(self, requests: int, errors: int) -> Counters:
        """Return what came after that; all of it if the router has started anew meanwhile."""
        if requests > self.requests or errors > self.errors:
            return self
        return Counters(self.requests - requests, self.errors - errors, self.latency)

    def __add__(self, other: Counters) -> Counters:
        latency = dict(self.latency)
        for bound, count in other.latency.items():
            latency[bound] = latency.get(bound, 0) + count
        return Counters(self.requests + other.requests, self.errors + other.errors, latency)


ByRevision = Mapping[str, Counters]


@dataclass(frozen=True)
class Reading:
    """One router's counters, now and a few moments before."""

    now: ByRevision
    recent: Sequence[ByRevision] = ()
    """Earlier readings, newest first; none after a restart of the operator, and none needed."""


def parse_counters(stats: str, hosts: str) -> dict[str, Counters]:
    """Return the counters by revision in answers to `COUNTERS_PATH` and `HOSTS_PATH`.

    What is not such an answer gives nothing.
    """
    plain: dict[str, dict[str, int]] = {}
    latency: dict[str, dict[float, int]] = {}
    for entry in _loaded(stats).get("stats") or ():
        found = _NAME.match(entry.get("name", ""))
        if found:
            of_revision = plain.setdefault(found["revision"], {})
            of_revision[found["stat"]] = of_revision.get(found["stat"], 0) + int(entry["value"])
        for one in (entry.get("histograms") or {}).get("details") or ():
            found = _NAME.match(one["name"])
            if found:
                _add_buckets(latency.setdefault(found["revision"], {}), one["totals"])
    failed = _failed_at_hosts(_loaded(hosts))
    revisions = {*plain, *failed, *latency}
    return {
        one: _counted(plain.get(one, {}), failed.get(one, 0), latency.get(one, {}))
        for one in sorted(revisions)
    }


def _counted(plain: Mapping[str, int], failed: int, latency: Mapping[float, int]) -> Counters:
    ended, errors = plain.get("upstream_rq_completed", 0), plain.get("upstream_rq_5xx", 0)
    # Pods that are gone have taken their hosts' counts along; the locality's stay.
    hidden = max(0, failed - errors)
    return Counters(ended + hidden, errors + hidden, latency)


def _add_buckets(found: dict[float, int], buckets: Sequence[Mapping[str, Any]]) -> None:
    for bucket in buckets:
        bound = float(bucket["lower_bound"])
        found[bound] = found.get(bound, 0) + int(bucket["count"])


def _failed_at_hosts(answer: Mapping[str, Any]) -> dict[str, int]:
    failed: dict[str, int] = {}
    for zone, stats in _hosts(answer):
        if zone:
            failed[zone] = failed.get(zone, 0) + stats.get("rq_error", 0)
    return failed


def _hosts(answer: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, int]]]:
    for cluster in answer.get("cluster_statuses") or ():
        for host in cluster.get("host_statuses") or ():
            stats = {one["name"]: int(one.get("value", 0)) for one in host.get("stats") or ()}
            yield (host.get("locality") or {}).get("zone", ""), stats


def _loaded(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
