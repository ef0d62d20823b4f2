"""Scoring Pods as a router meets them: real HTTP servers that answer with their revision."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Scorer:
    """One server; `stop` kills it with all its connections, `start` brings it back."""

    revision: str
    loop: asyncio.AbstractEventLoop
    port: int = 0
    host: str = "127.0.0.1"
    status: int = 200
    answered: int = 0
    delay: float = 0
    """Seconds that it works on each request."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Path and headers of each request but the probes."""
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self.listen(), self.loop).result(timeout=60)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self.loop).result(timeout=60)

    async def listen(self) -> None:
        self._server = await asyncio.start_server(
            self._converse, self.host, self.port, limit=8 * 1024 * 1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(
            (int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), 0
        )
        await reader.readexactly(length)
        probe = head.startswith("get /readyz")
        if not probe:
            line, *rest = head.rstrip().split("\r\n")
            pairs = (one.partition(":") for one in rest)
            headers = {name: value.strip() for name, _, value in pairs}
            self.asked.append((line.split(" ")[1], headers))
            self.answered += 1
            await asyncio.sleep(self.delay)
        body = self.revision.encode()
        status = 200 if probe else self.status
        writer.write(
            f"HTTP/1.1 {status} Told\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
        )
        await writer.drain()


@contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Yield a loop that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(_end_conversations(), loop).result(timeout=60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=60)
        loop.close()


async def _end_conversations() -> None:
    talking = asyncio.all_tasks() - {asyncio.current_task()}
    for one in talking:
        one.cancel()
    await asyncio.gather(*talking, return_exceptions=True)
