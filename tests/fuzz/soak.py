"""`python -m fuzz.soak --minutes 10`: good requests without a pause; nothing grows or fails."""

from __future__ import annotations

import argparse
import http.client
import itertools
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from statistics import median

from fuzz.campaign import send
from fuzz.services import Service, services
from unit.scorer.scorer_process import ScorerProcess

_CLIENTS = 4
_GROWTH_KILOBYTES = 8 * 1024
_LOOKS = 50


def soak(service: Service, seconds: float) -> list[str]:
    """Return what went wrong at one service; prints what it saw."""
    with tempfile.TemporaryDirectory() as folder:
        scorer = ScorerProcess(service.package, Path(folder), **dict(service.environment))
        try:
            scorer.wait_ready()
            return _watch(service, scorer, seconds)
        finally:
            scorer.stop()


def _watch(service: Service, scorer: ScorerProcess, seconds: float) -> list[str]:
    statuses: Counter[int] = Counter()
    stop = threading.Event()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", scorer.port, timeout=30)
        for request in itertools.cycle(service.seeds):
            statuses[send(connection, request)] += 1
            if stop.is_set():
                return

    clients = [threading.Thread(target=client) for _ in range(_CLIENTS)]
    for one in clients:
        one.start()
    looks = []
    for _ in range(_LOOKS):
        time.sleep(seconds / _LOOKS)
        looks.append(_state(scorer.process.pid))
    stop.set()
    for one in clients:
        one.join()
    # The first fifth warms up: buffers grow to the largest body, threads start.
    fifth = _LOOKS // 5
    early, late = looks[fifth : 2 * fifth], looks[-fifth:]
    columns = zip(zip(*early, strict=True), zip(*late, strict=True), strict=True)
    grown = [median(after) - median(before) for before, after in columns]
    print(f"{service.name:14} {dict(statuses)}  memory {grown[0]:+.0f} kB  files {grown[1]:+.0f}")
    wrong = [f"{service.name}: {code}" for code in statuses if code in {0, 500} or code > 503]
    if grown[0] > _GROWTH_KILOBYTES or grown[1] > _CLIENTS or grown[2] > _CLIENTS:
        wrong.append(f"{service.name}: grew by {grown} (kB, files, threads)")
    return wrong


def _state(pid: int) -> tuple[int, int, int]:
    """Return memory in kB, open files, threads."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return int(status["VmRSS"].split()[0]), files, int(status["Threads"])


def main() -> int:
    """Return 0 when nothing grew and nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="in all (10)")
    everything = list(services())
    seconds = parser.parse_args().minutes * 60 / len(everything)
    wrong = [text for service in everything for text in soak(service, seconds)]
    print("\n".join(wrong) or "nothing grew")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
