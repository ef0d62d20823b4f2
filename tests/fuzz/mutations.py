"""A good request made a little wrong, or very: in its JSON, its bytes, its headers, its path."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fuzz.services import Request

_SCALARS: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    -0.0,
    1e308,
    -1e39,
    2**31,
    2**63,
    2**64,
    10**30,
    "",
    "a",
    "\x00",
    "\ud800",
    "é" * 50,
    "../../etc/passwd",
    "http://169.254.169.254/",
    "/9j/4AAQ",
    [],
    {},
    [[]],
    [None],
    {"data": []},
)
_TOKENS = (b"NaN", b"Infinity", b"-", b"1e999", b"[" * 2000, b"{", b'"', b"\\u", b"\xff", b"\x00")
_TYPES = ("", "text/plain", "application/json; charset=utf-16", "image/jpeg", "*/*", "a" * 500)
_LENGTHS = ("0", "-1", "1", "99999999999", "abc", "1e3", "007", " 12")


def mutated(seed: Request, chance: random.Random) -> Request:
    """Return the request after one to three mutations."""
    request = seed
    for _ in range(chance.randint(1, 3)):
        request = chance.choices(_KINDS, weights=(6, 6, 1, 1))[0](request, chance)
    return request


def _json(request: Request, chance: random.Random) -> Request:
    """Replace, drop, double or nest one value somewhere in the JSON."""
    try:
        content = json.loads(request.body)
    except (ValueError, RecursionError):
        return _bytes(request, chance)
    changed = _changed(content, chance, 0)
    # Lone surrogates are written as escapes, as a careless client would.
    return replace(request, body=json.dumps(changed).encode("utf-8", "replace"))


def _changed(value: Any, chance: random.Random, depth: int) -> Any:
    if depth > 60 or chance.random() < 0.2:
        return _another(value, chance)
    if isinstance(value, dict) and value:
        name = chance.choice(list(value))
        changed = dict(value)
        if chance.random() < 0.15:
            del changed[name]
        elif chance.random() < 0.1:
            changed[name + chance.choice("xX \x00é")] = changed.pop(name)
        else:
            changed[name] = _changed(value[name], chance, depth + 1)
        return changed
    if isinstance(value, list) and value:
        at = chance.randrange(len(value))
        roll = chance.random()
        if roll < 0.1:
            return value[:at] + value[at + 1 :]
        if roll < 0.2:
            return value[:at] + [value[at]] * chance.choice((2, 50)) + value[at:]
        return [*value[:at], _changed(value[at], chance, depth + 1), *value[at + 1 :]]
    return _another(value, chance)


def _another(value: Any, chance: random.Random) -> Any:
    if chance.random() < 0.2:
        for _ in range(chance.choice((1, 3, 100))):
            value = [value]
        return value
    return chance.choice(_SCALARS)


def _bytes(request: Request, chance: random.Random) -> Request:
    """Change, insert, cut or double some bytes."""
    body = bytearray(request.body)
    at = chance.randrange(len(body) + 1)
    roll = chance.random()
    if roll < 0.3 and body:
        for _ in range(chance.randint(1, 8)):
            body[chance.randrange(len(body))] = chance.randrange(256)
    elif roll < 0.55:
        body[at:at] = chance.choice(_TOKENS)
    elif roll < 0.75:
        del body[at:]
    elif roll < 0.9:
        del body[at : at + chance.randint(1, 16)]
    else:
        body += body[:at]
    return replace(request, body=bytes(body))


def _header(request: Request, chance: random.Random) -> Request:
    """Change the content type, or where the JSON of a binary request ends."""
    headers = dict(request.headers)
    if "inference-header-content-length" in headers or chance.random() < 0.3:
        headers["inference-header-content-length"] = chance.choice(_LENGTHS)
    else:
        headers["content-type"] = chance.choice(_TYPES)
    return replace(request, headers=tuple(headers.items()))


def _path(request: Request, chance: random.Random) -> Request:
    """Change the method or the path."""
    if chance.random() < 0.5:
        return replace(request, method=chance.choice(("GET", "PUT", "DELETE", "HEAD", "PATCH")))
    extra = chance.choice(("/", "?a=b", "?image=a&image=b", "%00", "/../x", "?" + "a=1&" * 200))
    return replace(request, path=request.path + extra)


_KINDS: tuple[Callable[[Request, random.Random], Request], ...] = (_json, _bytes, _header, _path)
