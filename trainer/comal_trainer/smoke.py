"""`smoke`: one request to a candidate before anybody depends on it."""

from __future__ import annotations

import http.client
import json
import math
import secrets
import time
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from comal_trainer.contract.smoke import Smoked, Trial

_PAUSE = 1.0
_SHOWN = 200
# An answer of a model, not a download.
_LARGEST_ANSWER = 8 * 2**20


def smoke(trial: Trial, pause: float = _PAUSE) -> Smoked:
    """Return whether the candidate answered right, within the tries that it has."""
    wrong = ""
    for number in range(trial.retries + 1):
        if number:
            time.sleep(pause)
        wrong = _wrong(trial)
        if not wrong:
            said = f"{trial.method} {_path(trial)} was answered right"
            return Smoked(passed=True, message=said)
    tries = f" ({trial.retries + 1} tries)" if trial.retries else ""
    text = f"{trial.method} {_path(trial)}: {wrong}{tries}"
    return Smoked(passed=False, message=ascii(text)[1:-1][:480])


def _wrong(trial: Trial) -> str:
    """Return what is wrong with one answer; nothing if it is right."""
    try:
        status, text = _answer(trial)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {error or type(error).__name__}"
    if status != trial.status:
        return f"HTTP {status} instead of {trial.status}: {text[:_SHOWN]}"
    if trial.json is None:
        return ""
    try:
        wanted = json.loads(trial.json)
    except ValueError as error:
        return f"smoke.expect.json is no JSON ({error}): correct it"
    try:
        found = json.loads(text)
    except ValueError:
        return f"the answer is no JSON: {text[:_SHOWN]}"
    return difference(wanted, found, trial.tolerance)


def difference(wanted: Any, found: Any, tolerance: float, where: str = "answer") -> str:
    """Return the first place where `found` is not what is `wanted`; nothing if it is.

    Objects may have more fields, lists must be as long, numbers may be off by `tolerance`, and
    null stands for anything.
    """
    if wanted is None:
        return ""
    if isinstance(wanted, dict):
        return _of_object(wanted, found, tolerance, where)
    if isinstance(wanted, list):
        return _of_list(wanted, found, tolerance, where)
    if _is_number(wanted) and _is_number(found):
        close = math.isclose(wanted, found, rel_tol=0, abs_tol=tolerance)
        return "" if close else f"{where} is {found}, not {wanted} within {tolerance:g}"
    same = type(wanted) is type(found) and wanted == found
    return "" if same else f"{where} is {_short(found)}, not {_short(wanted)}"


def _of_object(wanted: dict[str, Any], found: Any, tolerance: float, where: str) -> str:
    if not isinstance(found, dict):
        return f"{where} is {_short(found)}, not an object"
    for name, value in wanted.items():
        if name not in found:
            return f"{where} has no {name!r}"
        wrong = difference(value, found[name], tolerance, f"{where}.{name}")
        if wrong:
            return wrong
    return ""


def _of_list(wanted: list[Any], found: Any, tolerance: float, where: str) -> str:
    if not isinstance(found, list):
        return f"{where} is {_short(found)}, not a list"
    if len(found) != len(wanted):
        return f"{where} has {len(found)} items, not {len(wanted)}"
    pairs = enumerate(zip(wanted, found, strict=True))
    wrongs = (difference(one, other, tolerance, f"{where}[{n}]") for n, (one, other) in pairs)
    return next((one for one in wrongs if one), "")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _short(value: Any) -> str:
    return json.dumps(value)[:80]


def _answer(trial: Trial) -> tuple[int, str]:
    parts = urlsplit(trial.url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=trial.timeout
    )
    with closing(connection):
        body = None if trial.body is None else trial.body.encode()
        connection.request(trial.method, _path(trial), body, _headers(trial))
        answer = connection.getresponse()
        return answer.status, answer.read(_LARGEST_ANSWER).decode(errors="replace")


def _headers(trial: Trial) -> dict[str, str]:
    given = {name.lower(): value for name, value in trial.headers.items()}
    trace = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    return {"content-type": "application/json", "traceparent": trace, **given}


def _path(trial: Trial) -> str:
    parts = urlsplit(trial.url)
    return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
