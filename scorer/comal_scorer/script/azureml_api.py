"""What scripts import from Azure ML's server to see raw requests: `rawhttp`, `AMLResponse`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import parse_qs

from comal_scorer.script.frames import Ask

F = TypeVar("F", bound=Callable[..., Any])
_RAW = "__comal_raw__"

# Where scripts of different years import them from.
_REQUEST_MODULES = (
    "azureml_inference_server_http.api.aml_request",
    "azureml.contrib.services.aml_request",
)
_RESPONSE_MODULES = (
    "azureml_inference_server_http.api.aml_response",
    "azureml.contrib.services.aml_response",
)


class AMLRequest:
    """A request as `@rawhttp` scripts see it, with the names of Flask's."""

    def __init__(self, ask: Ask) -> None:
        """Wrap what the server passed on."""
        self.method = ask.method
        self.path = ask.path
        self.full_path = f"{ask.path}?{ask.query}"
        self.query_string = ask.query.encode()
        self.headers: Mapping[str, str] = Headers(ask.headers)
        self.content_type = ask.media_type
        self.data = ask.body
        found = parse_qs(ask.query, keep_blank_values=True)
        self.args = {name: values[0] for name, values in found.items()}

    def get_data(self, *, as_text: bool = False, **_: object) -> bytes | str:
        """Return the body."""
        return self.data.decode() if as_text else self.data

    def get_json(self, **_: object) -> Any:
        """Return the body as JSON; raises `ValueError`."""
        return json.loads(self.data)

    json = property(get_json)


class Headers(dict[str, str]):
    """Headers by name, in whatever case."""

    def __init__(self, given: Mapping[str, str]) -> None:
        """Take headers by lower-case name."""
        super().__init__(given)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """Return the header, or the default."""
        return super().get(name.lower(), default)


class AMLResponse:
    """An answer with a status and headers of the script's choice."""

    def __init__(
        self,
        message: Any,
        status_code: int,
        response_headers: Mapping[str, str] | None = None,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        """Keep the answer; `json_str` says that the message is to be written as JSON."""
        self.message = message
        self.status_code = int(status_code)
        self.headers = dict(response_headers or {})
        self.json_str = json_str
        self.run_function_failed = run_function_failed

    def encoded(self) -> tuple[bytes, str]:
        """Return body and content type."""
        named = next((v for k, v in self.headers.items() if k.lower() == "content-type"), None)
        if self.message is None:
            return b"{}", named or "application/json"
        if self.json_str:
            return json.dumps(self.message).encode(), named or "application/json"
        body = self.message if isinstance(self.message, bytes) else str(self.message).encode()
        return body, named or "text/html; charset=utf-8"


def rawhttp(run: F) -> F:
    """Mark `run()` as taking the raw request."""
    setattr(run, _RAW, True)
    return run


def is_raw(run: Callable[..., Any]) -> bool:
    """Return whether `run()` is marked so."""
    return getattr(run, _RAW, False) is True


def install() -> None:
    """Let scripts import these names from where Azure ML has them, unless that is installed."""
    for name in _REQUEST_MODULES:
        _module(name, rawhttp=rawhttp, AMLRequest=AMLRequest)
    for name in _RESPONSE_MODULES:
        _module(name, AMLResponse=AMLResponse)


def _module(name: str, **content: object) -> None:
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        path = ".".join(parts[:depth])
        if path not in sys.modules:
            module = ModuleType(path)
            module.__path__ = []
            sys.modules[path] = module
            if depth > 1:
                setattr(sys.modules[".".join(parts[: depth - 1])], parts[depth - 1], module)
    sys.modules[name].__dict__.update(content)
