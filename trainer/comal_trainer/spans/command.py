"""`relay-spans`: pass on until told to stop, or say what is wrong with the connection string.

What is wrong is told once, as a container's last words. Its successor knows that from the folder
that the two share: it stays, is not ready, and goes on by itself when the Secret is another.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Final

from opentelemetry.sdk.trace import ReadableSpan

from comal_trainer.authorities import AuthoritiesError, trust
from comal_trainer.contract import TERMINATION_LOG, TERMINATION_LOG_ENV
from comal_trainer.contract.azure import AzureReason
from comal_trainer.contract.spans import Insights
from comal_trainer.spans.connection import Connection, Unusable, invalid, read_connection, refused
from comal_trainer.spans.otlp import spans_of
from comal_trainer.spans.queue import Waiting
from comal_trainer.spans.sender import REFUSALS, Complaints, Sender
from comal_trainer.spans.server import Server

_LOOK: Final = 1.0
_GATHER: Final = 1.0


def relay(
    insights: Insights,
    port: int,
    *,
    connection: Path,
    authorities: Path,
    memory: Path,
    environment: Mapping[str, str],
) -> None:
    """Serve until SIGTERM; leave the process with code 1 to tell what is wrong."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    server = Server(port, Waiting())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"taking spans at {server.server_port}", flush=True)
    try:
        try:
            trust(insights, authorities, environment)
        except AuthoritiesError as error:
            raise Unusable(AzureReason.CA_BUNDLE_MISSING, str(error)) from None
        _Relay(insights, connection, memory, server, stop).run()
    except Unusable as problem:
        _tell(problem, memory, environment)
        sys.exit(1)
    finally:
        server.shutdown()


@dataclass
class _Relay:
    insights: Insights
    file: Path
    memory: Path
    server: Server
    stop: threading.Event
    complaints: Complaints = field(default_factory=Complaints)

    def run(self) -> None:
        """Pass on what comes; raise Unusable for what was not told before."""
        sender: Sender | None = None
        while not self.stop.is_set():
            sender = self._sender(sender)
            if sender is None:
                self.stop.wait(_LOOK)
            else:
                self._pass_on(sender)
        if sender is not None:
            self._pass_on(sender)

    def _sender(self, sender: Sender | None) -> Sender | None:
        """Return what sends by the string of now; None where none can and that is known."""
        try:
            connection = read_connection(self.insights, self.file)
            if sender is not None and sender.connection == connection:
                return sender
            found = self._opened(connection)
        except Unusable as problem:
            self.server.ready.clear()
            if not self._was_told(problem):
                raise
            return None
        if not self._was_told(refused(self.insights, connection, 0)):
            self.server.ready.set()
        return found

    def _opened(self, connection: Connection) -> Sender:
        try:
            return Sender(connection)
        except ValueError:
            # Its words may hold the string.
            raise invalid(self.insights, connection) from None

    def _pass_on(self, sender: Sender) -> None:
        waiting = self.server.waiting
        bodies = waiting.take(_LOOK, _GATHER)
        for outcome, count in sender.send(_spans(bodies), self.stop):
            waiting.note(outcome, count)
            if outcome == "sent":
                self.memory.unlink(missing_ok=True)
                self.server.ready.set()
                continue
            status = sender.status
            why = f"HTTP {status}" if status else f"{sender.connection.host} does not answer"
            self.complaints.lost(count, why)
            if status in REFUSALS:
                problem = refused(self.insights, sender.connection, status)
                self.server.ready.clear()
                if not self._was_told(problem):
                    raise problem

    def _was_told(self, problem: Unusable) -> bool:
        try:
            return self.memory.read_text() == _mark(problem)
        except FileNotFoundError:
            return False


def _spans(bodies: list[bytes]) -> Iterator[ReadableSpan]:
    return chain.from_iterable(spans_of(one) for one in bodies)


def _mark(problem: Unusable) -> str:
    return f"{problem.reason} {problem.about}"


def _tell(problem: Unusable, memory: Path, environment: Mapping[str, str]) -> None:
    """Leave the reason for the operator, for the next container, and in the log."""
    path = environment.get(TERMINATION_LOG_ENV, TERMINATION_LOG)
    if TERMINATION_LOG_ENV in environment or os.access(path, os.W_OK):
        Path(path).write_text(problem.said, encoding="ascii")
    memory.write_text(_mark(problem))
    print(problem.said, flush=True)
