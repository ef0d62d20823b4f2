"""Runs inside a Pod: calls an endpoint at a steady pace, whatever the answers take.

Open loop: request n is due at start + n / pace, and its time counts from then, so that a server
that stalls is not spared the requests that would have come. Every second request has a connection
of its own, the others keep theirs: callers of both kinds must not notice a change. Each request is
a line of `RECORDS`; the totals go to the log once a second. Needs aiohttp, as the scorer's image
has it.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import time
from collections import Counter
from collections.abc import Coroutine
from typing import TextIO

import aiohttp

RECORDS = "/records/requests.jsonl"
URL = os.environ["TARGET_URL"]
BODIES = [one.encode() for one in json.loads(os.environ["TARGET_BODIES"])]
RATE = float(os.environ.get("REQUESTS_PER_SECOND", "20"))
# However long nobody ends this Pod.
MAX_REQUESTS = int(os.environ.get("MAX_REQUESTS", "2000000"))
MAX_SECONDS = float(os.environ.get("MAX_SECONDS", "7200"))
MAX_OPEN = 2000
TIMEOUT_SECONDS = 10
HEADERS = {"content-type": "application/json"}
if "TARGET_KEY" in os.environ:
    HEADERS["authorization"] = f"Bearer {os.environ['TARGET_KEY']}"
# By https the certificates that are believed.
TRUSTED = os.environ.get("TRUSTED")


class Caller:
    """Sends the requests and counts what came of them."""

    def __init__(self, records: TextIO) -> None:
        self._records = records
        self._counts: Counter[str] = Counter()
        self._failures: list[str] = []
        self._open: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Keep the pace until a limit is reached, then wait for the last answers."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        believed = ssl.create_default_context(cadata=TRUSTED) if TRUSTED else True
        fresh = aiohttp.TCPConnector(limit=0, force_close=True, ssl=believed)
        kept = aiohttp.TCPConnector(limit=0, ssl=believed)
        async with (
            aiohttp.ClientSession(connector=fresh, timeout=timeout) as one,
            aiohttp.ClientSession(connector=kept, timeout=timeout) as other,
        ):
            begin, epoch = time.monotonic(), time.time()
            for number in range(MAX_REQUESTS):
                due = number / RATE
                if due > MAX_SECONDS:
                    break
                await asyncio.sleep(max(0.0, begin + due - time.monotonic()))
                session = other if number % 2 else one
                self._begin(self._call(session, number, begin + due, epoch + due), epoch + due)
            await asyncio.gather(*self._open)

    def _begin(self, call: Coroutine[None, None, None], due: float) -> None:
        self._counts["sent"] += 1
        if len(self._open) >= MAX_OPEN:
            call.close()
            self._note((due, 0.0, 0), 0, "", f"{MAX_OPEN} requests wait already")
            return
        task = asyncio.create_task(call)
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _call(
        self, session: aiohttp.ClientSession, number: int, begin: float, due: float
    ) -> None:
        which = number % len(BODIES)
        code, version, text = 0, "", ""
        try:
            async with session.post(URL, data=BODIES[which], headers=HEADERS) as answer:
                code = answer.status
                version = answer.headers.get("x-comal-model-version", "")
                text = await answer.text()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            code, text = 0, f"{type(error).__name__}: {error}"
        self._note((due, time.monotonic() - begin, which), code, version, text)

    def _note(self, sent: tuple[float, float, int], code: int, version: str, text: str) -> None:
        due, seconds, which = sent
        well = code == 200
        self._counts["answered" if well else "lost"] += 1
        if version:
            self._counts[f"version:{version}"] += 1
        if not well and len(self._failures) < 20:
            self._failures.append(f"{time.strftime('%X', time.gmtime(due))} {code} {text[:200]}")
        record = [round(due, 4), round(seconds * 1000, 2), which, code, version, text[:200]]
        self._records.write(json.dumps(record) + "\n")

    def totals(self) -> str:
        """Return one line for the log; the records so far are in their file then."""
        self._records.flush()
        return json.dumps({**self._counts, "failures": self._failures})


async def main() -> None:
    """Call until a limit; then stay, so that somebody may read the records."""
    with open(RECORDS, "w", encoding="utf-8") as records:  # noqa: ASYNC230, PTH123  (a moment)
        caller = Caller(records)
        calling = asyncio.create_task(caller.run())
        while True:
            await asyncio.sleep(1)
            sys.stdout.write(caller.totals() + "\n")
            sys.stdout.flush()
            if calling.done():
                calling.result()


if __name__ == "__main__":
    asyncio.run(main())
