"""What the router itself answers: the scorer's shape of an error, with what to do about it."""

from __future__ import annotations

import json
from typing import Any

from comal_operator.core.serving.handling import Handling
from comal_operator.core.serving.keys import EXPECTED_KEY

_CALLER = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
# Envoy's letters: no healthy endpoint, connection failed, ended, reset, and all tries used up.
_NOBODY = ("UH", "UF", "UC", "UR", "URX", "LR", "UO")


def error_body(code: str, message: str) -> dict[str, str]:
    """Return a direct response's body, in the shape of the scorer's own errors."""
    return {"inline_string": json.dumps(_error(code, message))}


def local_replies(timeout_seconds: float, handling: Handling) -> dict[str, Any]:
    """Return the answers in place of Envoy's own short texts."""
    nobody = "no scoring Pod answers; try again in a second"
    not_allowed = "may not call this endpoint: ask for it to be put into access.ipAllow"
    bearer = {"www-authenticate": "Bearer"}
    no_key = "send a key of this endpoint as the header Authorization: Bearer <key>"
    body_bytes, per_second = handling.body_bytes, handling.key_rate
    often = f"more requests with this key than limits.requestsPerSecondPerKey, {per_second}"
    limited = _mapper(_code(429), 429, "too-many-requests", often, {"retry-after": "1"})
    mappers = [
        *([limited] if per_second is not None else []),
        # Both checks refuse with 403; the one of the key is the second.
        _mapper(_both(_code(403), _has(EXPECTED_KEY)), 401, "no-key", no_key, bearer),
        _mapper(_code(403), 403, "address-not-allowed", f"{_CALLER} {not_allowed}"),
        _mapper(_flags(*_NOBODY), 503, "unavailable", nobody, {"retry-after": "1"}),
        _mapper(
            _code(504), 504, "timeout", f"no answer within limits.timeout, {timeout_seconds:g} s"
        ),
        _mapper(
            _code(408), 408, "body-too-slow", "the request did not arrive in time; send it again"
        ),
        _mapper(
            _code(413),
            413,
            "body-too-large",
            f"the body has more than limits.maxBody, {body_bytes} bytes; send less at a time",
        ),
    ]
    return {"mappers": mappers}


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "field": None, "message": message}}


def _mapper(
    fits: dict[str, Any],
    status: int,
    code: str,
    message: str,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "filter": fits,
        "status_code": status,
        "body_format_override": {"json_format": _error(code, message)},
    }
    if headers:
        found["headers_to_add"] = [
            {"header": {"key": key, "value": value}} for key, value in headers.items()
        ]
    return found


def _flags(*flags: str) -> dict[str, Any]:
    return {"response_flag_filter": {"flags": list(flags)}}


def _has(header: str) -> dict[str, Any]:
    return {"header_filter": {"header": {"name": header, "present_match": True}}}


def _both(*filters: dict[str, Any]) -> dict[str, Any]:
    return {"and_filter": {"filters": list(filters)}}


def _code(status: int) -> dict[str, Any]:
    value = {"default_value": status, "runtime_key": f"comal.reply.{status}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}
