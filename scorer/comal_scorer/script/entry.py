"""The entry script: imported, initialised, and called as Azure ML's server calls it."""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from inference_schema.schema_util import (
    get_input_schema,
    get_output_schema,
    is_schema_decorated,
)

from comal_scorer.script import azureml_api
from comal_scorer.script.azureml_api import AMLRequest, AMLResponse
from comal_scorer.script.frames import Answer, Ask, Ready, Refused, Told

_HEADERS = "request_headers"


class ScriptError(Exception):
    """The script cannot serve; the text says why in one sentence."""


class EntryScript:
    """A script whose `init()` has been called; not thread-safe, as scripts are not."""

    def __init__(self, path: Path) -> None:
        """Import the script and call `init()`; raises `ScriptError`."""
        azureml_api.install()
        module = _imported(path)
        self._run: Callable[..., Any] = _function(module, "run", path)
        parameters = list(inspect.signature(self._run).parameters.values())
        if any(one.kind not in {one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD} for one in parameters):
            raise ScriptError("run() cannot take positional-only arguments, *args or **kwargs")
        self._wants_headers = any(one.name == _HEADERS for one in parameters)
        self._parameters = [one for one in parameters if one.name != _HEADERS]
        if not self._parameters:
            raise ScriptError("run() takes no input; give it a parameter")
        self._raw = azureml_api.is_raw(self._run)
        self._declared = not self._raw and is_schema_decorated(self._run)
        _called(_function(module, "init", path), "init()")

    def describe(self) -> Ready:
        """Return what the script says of its inputs."""
        if not self._declared:
            return Ready()
        return Ready(True, get_input_schema(self._run) or {}, get_output_schema(self._run) or {})

    def sample(self) -> bytes | None:
        """Return the body of the declared example, where there is one."""
        if not self._declared:
            return None
        example = (get_input_schema(self._run) or {}).get("example")
        return None if example is None else json.dumps(example).encode()

    def answer(self, ask: Ask) -> Answer:
        """Return what the caller gets; raises whatever `run()` raises."""
        given = self._given(ask)
        if isinstance(given, Refused):
            return given
        if self._wants_headers:
            given[_HEADERS] = azureml_api.Headers(ask.headers)
        started = time.perf_counter()
        result = self._run(**given)
        seconds = time.perf_counter() - started
        if isinstance(result, AMLResponse):
            body, kind = result.encoded()
            return Told(result.status_code, body, seconds, _headers(result), kind)
        return Told(200, json.dumps(result, default=_plain).encode(), seconds)

    def _given(self, ask: Ask) -> dict[str, Any] | Refused:
        first = self._parameters[0].name
        if self._raw:
            return {first: AMLRequest(ask)}
        if self._declared:
            return self._by_name(ask)
        if ask.method == "GET":
            return {first: json.dumps(_of_query(ask.query))}
        try:
            return {first: ask.body.decode()}
        except UnicodeDecodeError as problem:
            return Refused(400, f"Input cannot be decoded as UTF-8: {problem}")

    def _by_name(self, ask: Ask) -> dict[str, Any] | Refused:
        content: Any
        if ask.method == "GET":
            content = _of_query(ask.query)
        elif ask.media_type != "application/json":
            return Refused(415, "Expects Content-Type to be application/json")
        elif not ask.body:
            return Refused(400, "POST body is empty. Expecting a JSON dictionary.")
        else:
            try:
                content = json.loads(ask.body, parse_constant=_no_number)
            except (ValueError, RecursionError) as problem:
                return Refused(400, f"POST body could not be decoded as JSON: {problem}")
        if not isinstance(content, dict):
            return Refused(400, "POST body should be a JSON dictionary.")
        given = {}
        for parameter in self._parameters:
            value = content.get(parameter.name, parameter.default)
            if value is inspect.Parameter.empty:
                message = f"A value is not provided for the {parameter.name!r} parameter."
                return Refused(400, message)
            given[parameter.name] = value
        return given


def _imported(path: Path) -> Any:
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("entry_module", path)
    if spec is None or spec.loader is None:
        raise ScriptError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["entry_module"] = module
    _called(lambda: spec.loader.exec_module(module), f"importing {path.name}")  # type: ignore[union-attr]
    return module


def _function(module: Any, name: str, path: Path) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if not callable(found):
        raise ScriptError(f"{path.name} has no function {name}()")
    return found  # type: ignore[no-any-return]


def _called(function: Callable[[], object], what: str) -> None:
    try:
        function()
    except ModuleNotFoundError as problem:
        remedy = "serve it with an image that has the package (spec.image)"
        raise ScriptError(f"{what}: {problem}; {remedy}") from problem
    except BaseException as problem:
        raise ScriptError(f"{what} raised {type(problem).__name__}: {problem}") from problem


def _of_query(query: str) -> dict[str, Any]:
    fields = parse_qs(query, keep_blank_values=True, max_num_fields=100)
    values = {name: [_value(text) for text in texts] for name, texts in fields.items()}
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _plain(value: Any) -> Any:
    """Return what JSON can hold of a NumPy or pandas value."""
    for name in ("tolist", "to_list", "to_dict"):
        if hasattr(value, name):
            return getattr(value, name)()
    raise TypeError(f"run() returned a {type(value).__name__}, which JSON cannot hold")


def _headers(response: AMLResponse) -> list[tuple[str, str]]:
    own = {"content-type", "content-length", "transfer-encoding", "connection"}
    named = ((name.lower(), str(value)) for name, value in response.headers.items())
    return [(name, value) for name, value in named if name not in own]
