"""The part of OCI distribution that our own programs speak, at two ports as the embedded one has.

The writer's asks for a login that only register Jobs mount, the reader's for none
(docs/decisions/0003). Bytes pass through: nothing is kept here, so any replica answers any call.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from comal_trainer.artifact import Blob
from comal_trainer.contract import MANIFEST_MEDIA_TYPE
from comal_trainer.contract.gateway import MODELS
from comal_trainer.gateway.store import (
    MAX_MANIFEST_BYTES,
    BrokenBodyError,
    Store,
    StoreFailure,
    not_found,
)

_DIGEST: Final = r"sha256:[0-9a-f]{64}"
_PATH: Final = re.compile(
    rf"/v2/{MODELS}(?P<model>[a-z0-9][-._a-z0-9]*)/"
    rf"(?:blobs/uploads/(?P<upload>[0-9a-f]*)|blobs/(?P<blob>{_DIGEST})"
    rf"|manifests/(?P<manifest>{_DIGEST}|[A-Za-z0-9_][-._A-Za-z0-9]*))"
)
# Each copies by pieces of MiB at most; who comes too many is asked to come again.
_AT_ONCE: Final = 32
_TURN_SECONDS: Final = 5.0
_SILENCE_SECONDS: Final = 60

Account = Callable[[], tuple[str, str] | None]


class Turns:
    """How many calls are answered at once, and whether any still is."""

    def __init__(self) -> None:
        self._free = threading.Semaphore(_AT_ONCE)
        self._changed = threading.Condition()
        self._running = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take a turn; raise StoreFailure where there is none for a while."""
        if not self._free.acquire(timeout=_TURN_SECONDS):
            text = f"{_AT_ONCE} calls are being answered"
            raise StoreFailure("TooManyCalls", text, status=503, is_passing=True)
        with self._changed:
            self._running += 1
        try:
            yield
        finally:
            self._free.release()
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Wait until nobody is answered, so long at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running, seconds)


class Server(ThreadingHTTPServer):
    """One port. A connection has a thread of its own."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, port: int, store: Store, path: str, turns: Turns, account: Account | None
    ) -> None:
        super().__init__(("", port), _Handler)
        self.store = store
        self.path = path
        self.turns = turns
        self.account = account
        """Who may write; None at the reader's port."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers that went away."""


class _Body:
    """The body of a request: it ends where it was said to end, or raises."""

    def __init__(self, stream: BufferedIOBase, size: int) -> None:
        self._stream = stream
        self._left = size

    def __len__(self) -> int:
        return self._left

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        found = self._stream.read(wanted) if wanted else b""
        if len(found) != wanted:
            raise BrokenBodyError
        self._left -= len(found)
        return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _SILENCE_SECONDS
    server: Server

    def do_GET(self) -> None:
        self._answered(self._get)

    def do_HEAD(self) -> None:
        self._answered(self._get)

    def do_POST(self) -> None:
        self._answered(self._write)

    def do_PUT(self) -> None:
        self._answered(self._write)

    def _answered(self, answer: Callable[[], None]) -> None:
        try:
            answer()
        except StoreFailure as failure:
            if failure.status >= 500:
                print(f"{self.command} {self.path}: {failure.reason}: {failure}", flush=True)
            self._refuse(failure.status, failure.reason, str(failure))
        except BrokenBodyError:
            self.close_connection = True

    def _get(self) -> None:
        if self.path in ("/", "/v2/"):
            self._say(200, b"{}")
            return
        found = self._found()
        digest, reference = found["blob"], found["manifest"]
        if digest and self.command == "HEAD":
            with self.server.turns.taken():
                there = self.server.store.has(self._repository(found), digest)
            self._say(200 if there else 404, b"")
        elif digest:
            with self.server.turns.taken():
                self._give(self._repository(found), digest)
        elif reference:
            with self.server.turns.taken():
                body = self.server.store.manifest(self._repository(found), reference)
            self._say(200, body, Content_Type=MANIFEST_MEDIA_TYPE)
        else:
            raise not_found(self.path)

    def _give(self, repository: str, digest: str) -> None:
        with self.server.store.blob(repository, digest) as pieces:
            first = next(pieces, b"")
            # The SDK does not tell how much will come; whoever reads proves the digest.
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Docker-Content-Digest", digest)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            # What fails from here on shows as a stream that has no end.
            self.close_connection = True
            try:
                self._piece(first)
                for piece in pieces:
                    self._piece(piece)
            except StoreFailure as failure:
                print(f"GET {self.path}: {failure.reason}: {failure}", flush=True)
                return
            self.wfile.write(b"0\r\n\r\n")
            self.close_connection = False

    def _piece(self, piece: bytes) -> None:
        if piece:
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def _write(self) -> None:
        if not self._may_write():
            return
        found = self._found()
        begins = self.command == "POST" and found["upload"] == ""
        digest = parse_qs(urlsplit(self.path).query).get("digest", [""])[0]
        if begins:
            place = f"/v2/{MODELS}{found['model']}/blobs/uploads/{uuid.uuid4().hex}"
            self._say(202, b"", Location=place)
        elif found["upload"] and re.fullmatch(_DIGEST, digest):
            blob = Blob(digest, self._size())
            with self.server.turns.taken():
                body: Any = _Body(self.rfile, blob.size)
                self.server.store.put_blob(self._repository(found), blob, body)
            self._say(201, b"", Docker_Content_Digest=digest)
        elif found["manifest"]:
            self._tag(self._repository(found), found["manifest"])
        else:
            raise StoreFailure("Unsupported", f"{self.command} {self.path}", status=405)

    def _tag(self, repository: str, tag: str) -> None:
        size = self._size()
        if size > MAX_MANIFEST_BYTES:
            raise StoreFailure("ManifestInvalid", f"a manifest of {size} bytes", status=400)
        body = _Body(self.rfile, size).read()
        with self.server.turns.taken():
            digest = self.server.store.put_manifest(repository, tag, body)
        self._say(201, b"", Docker_Content_Digest=digest)

    def _may_write(self) -> bool:
        if self.server.account is None:
            self._refuse(405, "Unsupported", "this port only reads")
            return False
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        try:
            shown = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            shown = b""
        wanted = self.server.account()
        good = wanted is not None and hmac.compare_digest(shown, ":".join(wanted).encode())
        if kind != "Basic" or not good:
            self._refuse(401, "Unauthorized", "log in", WWW_Authenticate='Basic realm="comal"')
            return False
        return True

    def _found(self) -> re.Match[str]:
        found = _PATH.fullmatch(urlsplit(self.path).path)
        if found is None:
            raise not_found(self.path[:200])
        return found

    def _repository(self, found: re.Match[str]) -> str:
        return f"{self.server.path}/{found['model']}"

    def _size(self) -> int:
        text = self.headers.get("Content-Length", "")
        if not text.isdecimal():
            raise StoreFailure("SizeInvalid", "say Content-Length", status=411)
        return int(text)

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: int, reason: str, message: str, **headers: str) -> None:
        # What is left of the body would be read as the next request.
        self.close_connection = True
        body = json.dumps({"errors": [{"code": reason, "message": message}]}).encode()
        self._say(status, body, Connection="close", **headers)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name there
        """Say nothing of what goes well."""
