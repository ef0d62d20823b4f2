"""The script's processes: as many as cores, each one request at a time, replaced when they die."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from comal_scorer.failure import TerminationError
from comal_scorer.limits.body import overloaded
from comal_scorer.model_card import model_invalid
from comal_scorer.request_error import RequestError
from comal_scorer.script.frames import (
    LENGTH,
    Answer,
    Ask,
    Ready,
    packed,
    read_answer,
    receive_first,
)

_START_SECONDS = 600.0
_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ScriptPlan:
    """Which script, for which model folder, tried with which sample before it is ready."""

    entry: Path
    model_dir: Path
    sample: Path | None


@dataclass(frozen=True, slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    channel: socket.socket

    def end(self) -> None:
        self.channel.close()
        self.process.kill()
        self.process.wait()


class ScriptPool:
    """Workers that have called `init()`; lives on one event loop once it is asked."""

    def __init__(
        self,
        plan: ScriptPlan,
        workers: int,
        *,
        seconds: float,
        most: int,
        moved: Callable[[int], object],
    ) -> None:
        """Start the workers; raises `TerminationError` (ModelInvalid) when the script cannot serve.

        At most `most` requests are in the house; one that takes more than `seconds` costs its
        worker. `moved` is told of every request that comes (1) and goes (-1).
        """
        self._moved = moved
        self._plan = plan
        self._seconds = seconds
        self._most = most
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._replacing: set[asyncio.Task[None]] = set()
        self.in_flight = 0
        self.alive = workers
        first, self.ready = _start(plan)
        self._idle.put_nowait(first)
        for _ in range(workers - 1):
            self._idle.put_nowait(_start(plan)[0])

    async def ask(self, ask: Ask) -> Answer:
        """Return the script's answer; raises `RequestError` 503, 504 or 500."""
        if self.in_flight >= self._most or not self.alive:
            raise overloaded(f"{self.in_flight} requests are being scored")
        self.in_flight += 1
        self._moved(1)
        try:
            worker = await self._living()
            try:
                async with asyncio.timeout(self._seconds):
                    answer = await _exchange(worker.channel, ask)
            except BaseException as problem:  # noqa: BLE001 - also one that is cancelled
                self._replace(worker)
                raise _worker_lost(problem, self._seconds) from None
            self._idle.put_nowait(worker)
            return answer
        finally:
            self.in_flight -= 1
            self._moved(-1)

    async def _living(self) -> _Worker:
        """Return an idle worker, never one that died while nobody asked."""
        while True:
            worker = await self._idle.get()
            if worker.process.poll() is None:
                return worker
            self._replace(worker)

    def close(self) -> None:
        """End all workers that wait."""
        while not self._idle.empty():
            self._idle.get_nowait().end()

    def _replace(self, worker: _Worker) -> None:
        self.alive -= 1
        task = asyncio.get_running_loop().create_task(self._start_again(worker))
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    async def _start_again(self, dead: _Worker) -> None:
        await asyncio.to_thread(dead.end)
        while True:
            try:
                worker, _ = await asyncio.to_thread(_start, self._plan)
            except TerminationError as problem:
                sys.stderr.write(f"a script worker cannot start: {problem}\n")
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                self.alive += 1
                self._idle.put_nowait(worker)
                return


def _start(plan: ScriptPlan) -> tuple[_Worker, Ready]:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "comal_scorer.script.worker", str(theirs.fileno())]
    command += [str(plan.entry), *([str(plan.sample)] if plan.sample else [])]
    environment = os.environ | {
        "AZUREML_MODEL_DIR": str(plan.model_dir),
        "AML_APP_ROOT": str(plan.entry.parent),
        "AZUREML_ENTRY_SCRIPT": plan.entry.name,
    }
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment)
    theirs.close()
    worker = _Worker(process, ours)
    ours.settimeout(_START_SECONDS)
    try:
        first = receive_first(ours)
    except (OSError, EOFError):
        worker.end()
        raise model_invalid(
            f"{plan.entry.name}: its process ended before init() was done; its log says why"
        ) from None
    if not isinstance(first, Ready):
        worker.end()
        raise model_invalid(f"{plan.entry.name}: {first.message}")
    ours.setblocking(False)
    return worker, first


async def _exchange(channel: socket.socket, ask: Ask) -> Answer:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(channel, packed(ask))
    (length,) = LENGTH.unpack(await _exactly(channel, LENGTH.size))
    return read_answer(await _exactly(channel, length))


async def _exactly(channel: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    pieces = bytearray()
    while len(pieces) < size:
        piece = await loop.sock_recv(channel, size - len(pieces))
        if not piece:
            raise EOFError
        pieces += piece
    return bytes(pieces)


def _worker_lost(problem: BaseException, seconds: float) -> BaseException:
    if isinstance(problem, TimeoutError):
        message = f"run() took more than {seconds:g} s"
        return RequestError(504, "script-timeout", message)
    if isinstance(problem, EOFError | OSError):
        return RequestError(500, "script-died", "the script's process ended; its log says why")
    return problem
