"""What /metrics shows. Worker processes count into memory they share, so any of them tells it all.

A count is one addition into the worker's own row: no lock, no second writer.
"""

from __future__ import annotations

import mmap
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from comal_scorer.settings import Settings

EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
# Codes that a script made up are counted together.
_CODES = (200, 400, 404, 405, 408, 413, 415, 422, 431, 499, 500, 503, 504)
_OTHER = len(_CODES)
_BY_CODE = {code: index for index, code in enumerate(_CODES)}

# The places of a worker's row.
_BUCKET = _OTHER + 1
_SECONDS = _BUCKET + len(_BUCKETS) + 1
_IN_FLIGHT = _SECONDS + 1
_DROPPED = _IN_FLIGHT + 1
_PROCESS = _DROPPED + 1
_PLACES = _PROCESS + 1
_DOUBLE = 8

_TICK = os.sysconf("SC_CLK_TCK")


class Measurements:
    """The scorer's metrics; made before workers are forked, counted into after."""

    def __init__(self, settings: Settings, workers: int) -> None:
        """Start all counts at zero, so that rates are right from the first scrape."""
        self._workers = workers
        shared = mmap.mmap(-1, workers * _PLACES * _DOUBLE)
        self._all = memoryview(shared).cast("d")
        self._identity = {
            "name": settings.model_name,
            "version": settings.model_version,
            "revision": settings.revision,
            "digest": settings.model_digest,
        }
        self._registry = CollectorRegistry()
        self._registry.register(_Exposed(self._collect))
        self.become(0)

    def become(self, worker: int) -> None:
        """Count as this worker from now on; what a dead one counted stays."""
        self._row = self._all[worker * _PLACES : (worker + 1) * _PLACES]
        self._row[_IN_FLIGHT] = 0
        self._row[_PROCESS] = os.getpid()

    def move_in_flight(self, change: int) -> None:
        """Count one request more in flight, or one less."""
        self._row[_IN_FLIGHT] += change

    def count(self, code: int, seconds: float) -> None:
        """Count one answered request."""
        row = self._row
        row[_BY_CODE.get(code, _OTHER)] += 1
        if code == 200:
            row[_BUCKET + bisect_left(_BUCKETS, seconds)] += 1
            row[_SECONDS] += seconds

    def drop_collected(self, requests: int) -> None:
        """Count requests that data collection could not keep."""
        self._row[_DROPPED] += requests

    def exposition(self) -> bytes:
        """Return the text that Prometheus scrapes."""
        return generate_latest(self._registry)

    def _sum(self, place: int) -> float:
        return sum(self._all[row * _PLACES + place] for row in range(self._workers))

    def _collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "comal_scorer_requests",
            "Requests by HTTP status code; probes and scrapes are not counted.",
            labels=["code"],
        )
        for index, code in enumerate((*map(str, _CODES), "other")):
            requests.add_metric([code], self._sum(index))
        yield requests
        yield self._durations()
        yield GaugeMetricFamily(
            "comal_scorer_in_flight_requests",
            "Scoring requests that have not been answered yet.",
            self._sum(_IN_FLIGHT),
        )
        yield CounterMetricFamily(
            "comal_scorer_collection_dropped_requests",
            "Requests in the sample of data collection that could not be kept.",
            self._sum(_DROPPED),
        )
        info = GaugeMetricFamily(
            "comal_scorer_model_info",
            "The served model; the value is always 1.",
            labels=list(self._identity),
        )
        info.add_metric(list(self._identity.values()), 1)
        yield info
        yield from _processes(
            [int(self._all[row * _PLACES + _PROCESS]) for row in range(self._workers)]
        )

    def _durations(self) -> Metric:
        below, buckets = 0.0, []
        for index, limit in enumerate((*map(str, _BUCKETS), "+Inf")):
            below += self._sum(_BUCKET + index)
            buckets.append((limit, below))
        return HistogramMetricFamily(
            "comal_scorer_request_duration_seconds",
            "Time from a request's headers to its answer, for requests that were scored.",
            buckets=buckets,
            sum_value=self._sum(_SECONDS),
        )


class _Exposed:
    """A collector over a function, as the client library wants one."""

    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        """Return the metrics of this moment."""
        return self._collect()


def _processes(pids: list[int]) -> Iterator[Metric]:
    """Return what the workers use together; a page that they share counts for each."""
    resident = peak = seconds = files = started = 0.0
    booted = _boot_time()
    for pid in set(pids) - {0}:
        folder = Path("/proc") / str(pid)
        try:
            status = (folder / "status").read_text(encoding="ascii")
            fields = (folder / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
            files += sum(1 for _ in (folder / "fd").iterdir())
        except OSError:
            continue
        resident += _kilobytes(status, "VmRSS:") * 1024
        peak += _kilobytes(status, "VmHWM:") * 1024
        seconds += (int(fields[11]) + int(fields[12])) / _TICK
        started = max(started, booted + int(fields[19]) / _TICK)
    yield GaugeMetricFamily(
        "process_resident_memory_bytes", "Memory in use, all workers.", resident
    )
    yield GaugeMetricFamily(
        "comal_scorer_peak_memory_bytes",
        "Most memory ever in use: the container's where it has a limit, else all workers'.",
        _container_peak() or peak,
    )
    yield CounterMetricFamily("process_cpu_seconds", "CPU time used, all workers.", seconds)
    yield GaugeMetricFamily("process_open_fds", "Open files, all workers.", files)
    yield GaugeMetricFamily(
        "process_start_time_seconds", "Start of the newest worker, since the epoch.", started
    )


def _container_peak(cgroup: Path = Path("/sys/fs/cgroup")) -> float:
    """Return the bytes that count against the container's limit, 0 where it has none."""
    try:
        if (cgroup / "memory.max").read_text(encoding="ascii").strip() == "max":
            return 0.0
        return float((cgroup / "memory.peak").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0.0


def _boot_time() -> float:
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


def _kilobytes(status: str, name: str) -> float:
    for line in status.splitlines():
        if line.startswith(name):
            return float(line.split()[1])
    return 0.0
