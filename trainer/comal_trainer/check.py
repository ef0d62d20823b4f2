"""`check`: one query to a Prometheus server, and whether all that it gives is within bounds."""

from __future__ import annotations

import http.client
import json
import math
import os
import ssl
import time
from contextlib import closing
from typing import Any
from urllib.parse import urlencode, urlsplit

from comal_trainer.contract.check import TOKEN_VARIABLE, Checked, Query

_PAUSE = 1.0
_LARGEST_ANSWER = 2**20
_SHOWN = 200
# Only such an answer is quoted: what else lives at that address is nobody's business.
_ERROR_TYPES = ("bad_data", "execution", "timeout", "canceled", "internal", "unavailable")


class _NoValueError(Exception):
    """Nothing could be found out; the text says why, and nothing of a stranger's answer."""


def check(query: Query, pause: float = _PAUSE) -> Checked:
    """Return whether the values are good; error only after all tries."""
    why = ""
    for number in range(query.tries):
        if number:
            time.sleep(pause)
        try:
            return _judged(query, _values(_asked(query)))
        except (OSError, http.client.HTTPException) as error:
            why = f"no answer: {error or type(error).__name__}"
        except _NoValueError as error:
            why = str(error)
    return Checked("error", _plain(f"{query.address} could not be evaluated: {why}"))


def _judged(query: Query, values: list[float]) -> Checked:
    least = -math.inf if query.min is None else float(query.min)
    most = math.inf if query.max is None else float(query.max)
    bad = [one for one in values if not least <= one <= most]
    bounds = [f"at least {query.min}"] if query.min is not None else []
    bounds += [f"at most {query.max}"] if query.max is not None else []
    said = " and ".join(bounds)
    if not bad:
        shown = f"{values[0]:g}" if len(values) == 1 else f"{min(values):g} to {max(values):g}"
        return Checked("passed", f"{shown} ({said})")
    worst = max(bad, key=lambda one: max(least - one, one - most))
    some = f", as {len(bad)} of {len(values)} series are out of bounds" if len(values) > 1 else ""
    return Checked("failed", f"{worst:g} instead of {said}{some}")


def _values(answer: dict[str, Any]) -> list[float]:
    """Return the numbers in an answer of Prometheus' API; raise _NoValueError if there are none."""
    if answer.get("errorType") in _ERROR_TYPES:
        raise _NoValueError(f"the server says: {str(answer.get('error'))[:_SHOWN]}")
    data = answer.get("data")
    if answer["status"] != "success" or not isinstance(data, dict):
        raise _NoValueError("the answer is none of Prometheus'")
    kind, result = data.get("resultType"), data.get("result") or []
    try:
        if kind == "scalar":
            values = [float(result[1])]
        elif kind == "vector":
            values = [float(one["value"][1]) for one in result]
        else:
            raise _NoValueError(f"the query gives a {kind!s:.20}, not a number or a vector")
    except (TypeError, ValueError, KeyError, IndexError):
        raise _NoValueError("the answer is none of Prometheus'") from None
    if not values:
        raise _NoValueError("the query gives no series")
    if any(math.isnan(one) for one in values):
        raise _NoValueError("the query gives NaN")
    return values


def _asked(query: Query) -> dict[str, Any]:
    parts = urlsplit(query.address)
    host = parts.hostname or ""
    connection = (
        http.client.HTTPSConnection(
            host, parts.port or 443, timeout=query.timeout, context=ssl.create_default_context()
        )
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port or 80, timeout=query.timeout)
    )
    headers = {"content-type": "application/x-www-form-urlencoded"}
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if token:
        headers["authorization"] = f"Bearer {token}"
    with closing(connection):
        # No redirect is followed: the address is the one that was written down.
        body = urlencode({"query": query.query})
        connection.request("POST", f"{parts.path}/api/v1/query", body, headers)
        answer = connection.getresponse()
        text = answer.read(_LARGEST_ANSWER + 1)
    return _parsed(answer.status, text)


def _parsed(status: int, text: bytes) -> dict[str, Any]:
    if len(text) > _LARGEST_ANSWER:
        raise _NoValueError("the answer is over 1 MiB: aggregate in the query")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "status" not in found:
        raise _NoValueError(f"HTTP {status}, and no answer of Prometheus' API")
    return found


def _plain(text: str) -> str:
    return ascii(text)[1:-1][:480]
