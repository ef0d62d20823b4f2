"""`profile`: a short load on the scoring container beside it, at one size of that container."""

from __future__ import annotations

import http.client
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from comal_trainer.contract import MAX_ERROR_CHARACTERS, JobError
from comal_trainer.contract.decimals import decimal_text
from comal_trainer.contract.profile import REQUEST_REFUSED, SCORER_NOT_READY, Profiled
from comal_trainer.progress import progress

_PATIENCE = 180.0
_TIMEOUT = 30.0
_PEAK = "comal_scorer_peak_memory_bytes"
_STARTED = "process_start_time_seconds"


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent, for how long, and by how many at the same time."""

    url: str
    body: bytes
    seconds: int
    concurrency: int


@dataclass(slots=True)
class Tally:
    """What one caller counted."""

    times: list[float] = field(default_factory=list)
    errors: int = 0


def profile(load: Load, patience: float = _PATIENCE) -> Profiled:
    """Return what the load told, or why there was none."""
    started = _until_ready(load.url, patience)
    if started is None:
        text = f"the scoring container did not answer within {patience:g} seconds"
        return Profiled(error=JobError(SCORER_NOT_READY, text))
    with closing(_connection(load.url)) as connection:
        status, answer = _score(connection, load.body)
    if status != http.client.OK:
        said = ascii(answer[:300].decode(errors="replace"))[1:-1]
        text = f"profile.request was answered with HTTP {status}: {said}"
        return Profiled(error=JobError(REQUEST_REFUSED, text[:MAX_ERROR_CHARACTERS]))
    progress(10, f"{load.concurrency} callers for {load.seconds} seconds")
    begun = time.perf_counter()
    tallies = _loaded(load)
    took = time.perf_counter() - begun
    metrics = _metrics(load.url)
    restarts = int(metrics.get(_STARTED) != started)
    times = sorted(one for tally in tallies for one in tally.times)
    errors = sum(tally.errors for tally in tallies)
    if not times:
        text = f"none of {errors} requests was answered"
        return Profiled(errors=errors, restarts=restarts, error=JobError(SCORER_NOT_READY, text))
    progress(100, f"{len(times)} requests, {errors} errors")
    return Profiled(
        requests=len(times),
        errors=errors,
        restarts=restarts,
        p50=_milliseconds(times, 0.50),
        p95=_milliseconds(times, 0.95),
        p99=_milliseconds(times, 0.99),
        rate=decimal_text(round(len(times) / took, 1)),
        peak=int(metrics.get(_PEAK, 0)),
    )


def _loaded(load: Load) -> list[Tally]:
    tallies = [Tally() for _ in range(load.concurrency)]
    end = time.perf_counter() + load.seconds
    callers = [threading.Thread(target=_call, args=(load, end, tally)) for tally in tallies]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return tallies


def _call(load: Load, end: float, tally: Tally) -> None:
    with closing(_connection(load.url)) as connection:
        while time.perf_counter() < end:
            sent = time.perf_counter()
            try:
                status, _ = _score(connection, load.body)
            except (OSError, http.client.HTTPException):
                tally.errors += 1
                connection.close()
                time.sleep(0.1)
                continue
            if status == http.client.OK:
                tally.times.append(time.perf_counter() - sent)
            else:
                tally.errors += 1


def _score(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
    connection.request("POST", "/score", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def _until_ready(url: str, patience: float) -> float | None:
    """Return when the scorer's process was started, once it is ready; None if it never is."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        ready = _got(url, "/readyz")
        if ready is not None and ready[0] == http.client.OK:
            return _metrics(url).get(_STARTED, 0.0)
        time.sleep(0.2)
    return None


def _metrics(url: str) -> dict[str, float]:
    """Return the scorer's metrics without labels; none when it does not answer."""
    answer = _got(url, "/metrics")
    text = answer[1].decode(errors="replace") if answer is not None else ""
    lines = (line.split() for line in text.splitlines() if line and line[0] != "#")
    return {line[0]: float(line[1]) for line in lines if len(line) == 2}


def _got(url: str, path: str) -> tuple[int, bytes] | None:
    with closing(_connection(url)) as connection:
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return None


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT)


def _milliseconds(times: list[float], share: float) -> str:
    """Return the time that `share` of all requests keep within, by the nearest rank."""
    rank = min(len(times) - 1, int(share * len(times)))
    return decimal_text(round(times[rank] * 1000, 3))
