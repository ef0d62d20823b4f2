"""What server and script worker say to each other: length, then MessagePack, over a socket pair."""

from __future__ import annotations

import socket
import struct

import msgspec

LENGTH = struct.Struct("<I")


class Ready(msgspec.Struct, tag="ready"):
    """The worker has called `init()`, and `run()` once where it had a sample.

    `declared` says that the script declared its inputs; the schemas are then filled.
    """

    declared: bool = False
    input_schema: dict[str, object] = {}
    output_schema: dict[str, object] = {}


class Broken(msgspec.Struct, tag="broken"):
    """The script cannot serve, in one sentence."""

    message: str


class Ask(msgspec.Struct, tag="ask"):
    """One request; `body` is None for GET, whose input is the query."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    media_type: str
    body: bytes
    request_id: str


class Told(msgspec.Struct, tag="told"):
    """What `run()` gave: a body as it goes out; seconds of the run alone."""

    status: int
    body: bytes
    seconds: float
    headers: list[tuple[str, str]] = []
    media_type: str = "application/json"


class Refused(msgspec.Struct, tag="refused"):
    """The input never reached `run()`, for a reason that the caller is told."""

    status: int
    message: str


class Failed(msgspec.Struct, tag="failed"):
    """`run()` raised; its traceback is in the log."""


Answer = Told | Refused | Failed

_encoder = msgspec.msgpack.Encoder()
_first: msgspec.msgpack.Decoder[Ready | Broken] = msgspec.msgpack.Decoder(Ready | Broken)
_ask = msgspec.msgpack.Decoder(Ask)
_answer: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def packed(message: msgspec.Struct) -> bytes:
    """Return the message with its length before it."""
    body = _encoder.encode(message)
    return LENGTH.pack(len(body)) + body


def send(channel: socket.socket, message: msgspec.Struct) -> None:
    """Send one message; blocks."""
    channel.sendall(packed(message))


def receive_first(channel: socket.socket) -> Ready | Broken:
    """Return the worker's first message; raises `EOFError` when it ends without one."""
    return _first.decode(_receive(channel))


def receive_ask(channel: socket.socket) -> Ask:
    """Return the next request; raises `EOFError` when the server is gone."""
    return _ask.decode(_receive(channel))


def read_answer(body: bytes) -> Answer:
    """Return the answer that these bytes hold."""
    return _answer.decode(body)


def _receive(channel: socket.socket) -> bytes:
    (length,) = LENGTH.unpack(_exactly(channel, LENGTH.size))
    return _exactly(channel, length)


def _exactly(channel: socket.socket, size: int) -> bytes:
    content = bytearray(size)
    view = memoryview(content)
    place = 0
    while place < size:
        received = channel.recv_into(view[place:])
        if not received:
            raise EOFError
        place += received
    return bytes(content)
