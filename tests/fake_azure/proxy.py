"""A CONNECT proxy that refuses all but the bed's hosts: nothing else is ever called."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from fnmatch import fnmatch

from fake_azure.journal import Journal


class Proxy:
    """Maps names such as `*.blob.core.windows.net` to ports of this machine."""

    def __init__(self, ports: Mapping[str, int], journal: Journal) -> None:
        self._ports = dict(ports)
        self._journal = journal
        self._server: asyncio.Server | None = None
        self._callers: set[asyncio.Task[None]] = set()
        self.is_shut = False
        """Whether it wants to know who asks, as some do."""

    async def start(self, address: str) -> int:
        """Listen at a free port of `address`, and return it."""
        self._server = await asyncio.start_server(self._answer, address, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Stop listening."""
        assert self._server is not None
        self._server.close()
        # A gateway on the node keeps its connections while it lives.
        for caller in self._callers:
            caller.cancel()
        await asyncio.gather(*self._callers, return_exceptions=True)

    def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caller = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._callers.add(caller)
        caller.add_done_callback(self._callers.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, *_ = head.decode().split(" ")
                host, _, port = target.rpartition(":")
                here = next((p for name, p in self._ports.items() if fnmatch(host, name)), None)
                if self.is_shut:
                    writer.write(b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n")
                    await writer.drain()
                elif method != "CONNECT" or port != "443" or here is None:
                    self._journal.refused.append(target)
                    writer.write(b"HTTP/1.1 502 Not on the list\r\ncontent-length: 0\r\n\r\n")
                    await writer.drain()
                else:
                    await _join(reader, writer, here)
        finally:
            writer.close()
        await _gone(writer)


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    there_reads, there_writes = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    try:
        await asyncio.gather(_pump(reader, there_writes), _pump(there_reads, writer))
    finally:
        there_writes.close()
    await _gone(there_writes)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _gone(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await writer.wait_closed()
