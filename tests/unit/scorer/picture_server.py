"""A web server on loopback that hands out pictures, and things that only look like them."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from unit.scorer.model_folders import jpeg, png


class PictureServer:
    """Counts the requests that arrive, by path."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        handler = type("Handler", (_Handler,), {"seen": self.seen})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing when the other side has enough and leaves."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.path)
        path, _, query = self.path.partition("?")
        if path.endswith("/redirect"):
            self._answer(302, b"", ("location", query))
        elif path.endswith("/slow"):
            time.sleep(3)
            self._answer(200, jpeg())
        elif path.endswith("/packed"):
            self._answer(200, jpeg(), ("content-encoding", "gzip"))
        elif path.endswith("/large"):
            self._answer(200, b"\xff\xd8\xff" + bytes(2_000_000))
        elif path.endswith("/endless"):
            self._endless()
        elif path.endswith("/text"):
            self._answer(200, b"<html>no picture</html>")
        elif path.endswith((".jpg", ".png")):
            shade = int(query or 200)
            self._answer(200, jpeg(shade) if path.endswith(".jpg") else png(shade))
        else:
            self._answer(404, b"nothing here")

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _endless(self) -> None:
        """Send a body of unknown length until the other side has enough."""
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        piece = bytes(65536)
        try:
            while True:
                self.wfile.write(b"10000\r\n" + piece + b"\r\n")
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""
