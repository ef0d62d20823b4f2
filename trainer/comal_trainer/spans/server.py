"""Takes OTLP over HTTP: protobuf, as routers, scorers and OpenTelemetry's SDKs send it."""

from __future__ import annotations

import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from comal_trainer.contract.spans import READY_PATH
from comal_trainer.spans.otlp import NoSpansError, count_of
from comal_trainer.spans.queue import Waiting

MAX_BODY: Final = 4 << 20
_PATH: Final = "/v1/traces"
_METRICS: Final = "/metrics"
# Whoever is beyond these is asked to come again; a body is held by each.
_AT_ONCE: Final = 8
_SILENCE_SECONDS: Final = 30


class Server(ThreadingHTTPServer):
    """A connection has a thread of its own."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, waiting: Waiting) -> None:
        super().__init__(("", port), _Handler)
        self.waiting = waiting
        self.ready = threading.Event()
        self.turns = threading.BoundedSemaphore(_AT_ONCE)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers that went away."""


class _RefusedError(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _SILENCE_SECONDS
    server: Server

    def do_GET(self) -> None:
        if self.path == READY_PATH:
            self._say(200 if self.server.ready.is_set() else 503)
        elif self.path == _METRICS:
            lines = (
                f'comal_spans_total{{outcome="{outcome}"}} {count}\n'
                for outcome, count in sorted(self.server.waiting.counts.items())
            )
            text = f"# TYPE comal_spans_total counter\n{''.join(lines)}"
            self._say(200, text.encode(), "text/plain; version=0.0.4")
        else:
            self._say(404)

    def do_POST(self) -> None:
        try:
            with self.server.turns:
                self._take()
        except (_RefusedError, NoSpansError) as refusal:
            # What is left of the body would be read as the next request.
            self.close_connection = True
            self._say(getattr(refusal, "status", 400), str(refusal).encode(), "text/plain")
        else:
            self._say(200, b"", "application/x-protobuf")

    def _take(self) -> None:
        if self.path.partition("?")[0] != _PATH:
            raise _RefusedError(404, f"spans are taken at {_PATH}")
        if "protobuf" not in self.headers.get("content-type", ""):
            raise _RefusedError(415, "spans are taken as application/x-protobuf")
        body = self._unpacked(self._body())
        if not self.server.waiting.put(body, count_of(body)):
            raise _RefusedError(503, "too many spans wait to be sent")

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            size = self.headers.get("content-length", "")
            if not size.isdigit():
                raise _RefusedError(411, "say Content-Length")
            return self._read(int(size), 0)
        found = b""
        while size_ := self._chunk_size():
            found += self._read(size_, len(found))
            self.rfile.readline(1024)
        self.rfile.readline(1024)
        return found

    def _chunk_size(self) -> int:
        try:
            return int(self.rfile.readline(1024).partition(b";")[0], 16)
        except ValueError:
            raise _RefusedError(400, "a chunk has no size") from None

    def _read(self, size: int, had: int) -> bytes:
        if size + had > MAX_BODY:
            raise _RefusedError(413, f"{MAX_BODY} bytes are taken at most")
        found = self.rfile.read(size)
        if len(found) != size:
            raise _RefusedError(400, "the body ends early")
        return found

    def _unpacked(self, body: bytes) -> bytes:
        coding = self.headers.get("content-encoding", "identity")
        if coding == "identity":
            return body
        if coding != "gzip":
            raise _RefusedError(415, "a body is taken as it is, or with gzip")
        unpacking = zlib.decompressobj(wbits=31)
        try:
            found = unpacking.decompress(body, MAX_BODY)
        except zlib.error:
            raise _RefusedError(400, "the body is not gzip") from None
        if unpacking.unconsumed_tail:
            raise _RefusedError(413, f"{MAX_BODY} bytes are taken at most")
        return found

    def _say(self, status: int, body: bytes = b"", kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name there
        """Say nothing of what goes well."""
