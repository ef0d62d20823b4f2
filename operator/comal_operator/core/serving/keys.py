"""The routers' check of API keys, which the operator writes and never reads.

Envoy's own API-key filter takes keys only as part of its configuration, which we write: we would
have to read the Secret. So the keys go from the Secret to the routers' Pods as files; Envoy follows
those by itself, and its RBAC filter compares them with what callers send.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from comal_operator.core.serving.open_paths import open_policy

KEYS = ("primary", "secondary")
AUTHORIZATION = "authorization"
_SCHEME = "Bearer "
# Shorter ones would be guessed; an empty key in the Secret must open nothing.
SHORTEST_KEY = 16

_TYPE = "type.googleapis.com/envoy.extensions"


def key_filters(folder: str, known: Sequence[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    """Return the filters that let in who has one of the keys in `folder`; keys go no further.

    `known` are filters that look at the key of who was let in.
    """
    headers = [(_header(key), f"{folder}/{key}") for key in KEYS]
    expected = [_set(name, f"{_SCHEME}%FILE_CONTENT({file}:{folder})%") for name, file in headers]
    reading = {
        "name": "envoy.formatter.file_content",
        "typed_config": {"@type": f"{_TYPE}.formatter.file_content.v3.FileContent"},
    }
    removed = [{"remove": name} for name in (*(name for name, _ in headers), AUTHORIZATION)]
    return [
        _mutation("comal.keys.read", {"request_mutations": expected, "formatters": [reading]}),
        _allowing([name for name, _ in headers]),
        *known,
        _mutation("comal.keys.hide", {"request_mutations": removed}),
    ]


def _header(key: str) -> str:
    return f"x-comal-key-{key}"


# On a request that has come as far as the check of its key.
EXPECTED_KEY = _header(KEYS[0])


def _set(header: str, value: str) -> dict[str, Any]:
    return {
        "append": {
            "header": {"key": header, "value": value},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
    }


def _mutation(name: str, mutations: dict[str, Any]) -> dict[str, Any]:
    kind = f"{_TYPE}.filters.http.header_mutation.v3.HeaderMutation"
    return {"name": name, "typed_config": {"@type": kind, "mutations": mutations}}


def _allowing(headers: Sequence[str]) -> dict[str, Any]:
    """Return the filter that lets pass whose authorization is one of these headers' values."""
    fits = [
        _call("_&&_", _call("_==_", _value(AUTHORIZATION), _value(one)), _is_long(one))
        for one in headers
    ]
    policy = {
        "permissions": [{"any": True}],
        "principals": [{"any": True}],
        "condition": _call("_||_", *fits),
    }
    rules = {"action": "ALLOW", "policies": {"keys": policy, "open": open_policy()}}
    return {
        "name": "envoy.filters.http.rbac",
        "typed_config": {"@type": f"{_TYPE}.filters.http.rbac.v3.RBAC", "rules": rules},
    }


def _is_long(header: str) -> dict[str, Any]:
    least = {"const_expr": {"int64_value": len(_SCHEME) + SHORTEST_KEY}}
    return _call("_>=_", _call("size", _value(header)), least)


def _value(header: str) -> dict[str, Any]:
    """Return CEL's `request.headers[header]`."""
    request = {"select_expr": {"operand": {"ident_expr": {"name": "request"}}, "field": "headers"}}
    return _call("_[_]", request, {"const_expr": {"string_value": header}})


def _call(function: str, *arguments: dict[str, Any]) -> dict[str, Any]:
    return {"call_expr": {"function": function, "args": list(arguments)}}
