"""Runs inside a Pod: calls an endpoint at a steady pace and prints one JSON line a second.

Standard library only, since any of our images may carry it. Each request opens its own
connection: a caller that kept one alive would not notice a router that closes early.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

URL = urlsplit(os.environ["TARGET_URL"])
BODY = os.environ["TARGET_BODY"].encode()
HEADERS = {"content-type": "application/json"}
if "TARGET_KEY" in os.environ:
    HEADERS["authorization"] = f"Bearer {os.environ['TARGET_KEY']}"
RATE = float(os.environ.get("REQUESTS_PER_SECOND", "20"))
WORKERS = int(os.environ.get("WORKERS", "4"))

counts: Counter[str] = Counter()
failures: list[str] = []
lock = threading.Lock()


def call() -> tuple[bool, str, str]:
    """Send one request; return (was it answered well, model version, what went wrong)."""
    connection = http.client.HTTPConnection(URL.hostname or "", URL.port or 80, timeout=10)
    try:
        connection.request("POST", URL.path, BODY, HEADERS)
        answer = connection.getresponse()
        text = answer.read()
    except OSError as error:
        return False, "", f"{type(error).__name__}: {error}"
    except http.client.HTTPException as error:
        return False, "", f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    version = answer.headers.get("x-comal-model-version", "")
    if answer.status == http.client.OK:
        return True, version, ""
    return False, version, f"HTTP {answer.status}: {text[:120]!r}"


def worker(index: int) -> None:
    """Send this worker's share of the pace for ever."""
    period = WORKERS / RATE
    due = time.monotonic() + period * index / WORKERS
    while True:
        time.sleep(max(0.0, due - time.monotonic()))
        due = max(due + period, time.monotonic() - 1)
        well, version, problem = call()
        with lock:
            counts["sent"] += 1
            counts["answered" if well else "lost"] += 1
            if version:
                counts[f"version:{version}"] += 1
            if problem and len(failures) < 20:
                failures.append(problem)


def main() -> None:
    """Start the workers and report the totals each second."""
    for index in range(WORKERS):
        threading.Thread(target=worker, args=(index,), daemon=True).start()
    while True:
        time.sleep(1)
        with lock:
            line = json.dumps({**counts, "failures": failures})
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
