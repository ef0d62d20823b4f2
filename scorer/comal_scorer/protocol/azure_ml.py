"""The dialect `aml-v1`: headers and refusals as clients of Azure ML's inference server know them.

A scoring script that raised answered 500 there, whoever was to blame; so does this dialect for a
body that the contract cannot read. What no script saw keeps its own status code.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qs

import msgspec

from comal_scorer import contract
from comal_scorer.protocol.exchange import Call, Endpoint, Given, Headers, Reply
from comal_scorer.request_error import RequestError, bad_request

_LONGEST_ID = 100
_CLIENT_ID = "x-ms-client-request-id"
_REQUEST_ID = "x-ms-request-id"
_EITHER_ID = f"{_REQUEST_ID} and {_CLIENT_ID}"
_SERVER = ("x-ms-server-version", "comal")
_FAILED = "x-ms-run-function-failed"
_SCRIPT_FAILED = "An unexpected error occurred in scoring script. Check the logs for more info."
_NOT_FOUND = (
    "The requested URL was not found on the server. If you entered the URL manually please check "
    "your spelling and try again."
)
_MOST_QUERY_FIELDS = 100

# What the server itself said of bodies, before a script with declared inputs was called.
_BEFORE_THE_SCRIPT: dict[str, str] = {
    "body-not-json": "POST body could not be decoded as JSON: ",
    "body-not-object": "POST body should be a JSON dictionary.",
    "field-missing": "A value is not provided for the 'data' parameter.",
}
_FRONT: dict[str, Callable[[RequestError], str]] = {
    "not-found": lambda _: _NOT_FOUND,
    "method-not-allowed": lambda _: "The method is not allowed for the requested URL.",
    "content-type-unsupported": lambda _: "Expects Content-Type to be application/json",
}


class AzureMl:
    """`{"message": …}` and the x-ms headers."""

    def __init__(self, *, declared: bool) -> None:
        """Speak as for a script with declared inputs, or for one that reads the body itself."""
        self._declared = declared

    def admit(self, given: Given) -> None:
        """Raise `RequestError` 431 for an id that is too long."""
        for name in (contract.REQUEST_ID_HEADER, _REQUEST_ID, _CLIENT_ID):
            if len(given.get(name) or "") > _LONGEST_ID:
                shown = name if name == contract.REQUEST_ID_HEADER else _EITHER_ID
                message = f"{shown} must not exceed {_LONGEST_ID} characters"
                raise RequestError(431, "header-too-large", message, field=name)

    def headers(self, given: Given, identifier: str) -> Headers:
        """Return the ids, each falling back on the other, as the original does."""
        own = _short(given.get(contract.REQUEST_ID_HEADER)) or identifier
        legacy, client = _short(given.get(_REQUEST_ID)), _short(given.get(_CLIENT_ID))
        headers = [
            _SERVER,
            (contract.REQUEST_ID_HEADER, own),
            (_REQUEST_ID, legacy or client or own),
        ]
        if client or legacy:
            headers.append((_CLIENT_ID, client or legacy))
        trace = _short(given.get("traceid"))
        if trace:
            headers.append(("traceid", trace))
        return headers

    def success(self, reply: Reply) -> Headers:
        """Return how long the model took, in milliseconds."""
        return [(_FAILED, "False"), ("x-ms-run-fn-exec-ms", f"{reply.seconds * 1000:.3f}")]

    def refusal(self, problem: RequestError) -> tuple[int, bytes, Headers]:
        """Return the refusal in the original's words."""
        status, message, failed = self._judged(problem)
        headers = [*problem.headers, (_FAILED, str(failed))]
        return status, json.dumps({"message": message}).encode(), headers

    def _judged(self, problem: RequestError) -> tuple[int, str, bool]:
        front = _FRONT.get(problem.code)
        if front is not None:
            return problem.status, front(problem), False
        before = _BEFORE_THE_SCRIPT.get(problem.code)
        if before is not None and self._declared:
            detail = problem.message if before.endswith(" ") else ""
            return 400, before + detail, False
        if problem.code == "body-empty" and self._declared:
            return 400, "POST body is empty. Expecting a JSON dictionary.", False
        if problem.code == "input-refused":
            return problem.status, problem.message, False
        if problem.code == "script-timeout":
            return 500, problem.message, True
        if problem.status in {400, 422, 500}:
            return 500, _SCRIPT_FAILED, True
        return problem.status, problem.message, False


class QueryAsBody:
    """An endpoint that also takes its JSON body as a query: `?a=1&b=[1,2]`."""

    methods = ("GET", "POST", "OPTIONS")

    def __init__(self, endpoint: Endpoint) -> None:
        """Answer with the endpoint."""
        self._endpoint = endpoint
        self.media_types = endpoint.media_types

    async def answer(self, call: Call) -> Reply:
        """Return the endpoint's answer; raises `RequestError`."""
        if call.method == "OPTIONS":
            return Reply(b"", 0.0, 0, media_type="text/html")
        if call.method == "GET":
            call = msgspec.structs.replace(call, method="POST", body=_body_of_query(call.query))
        elif not call.body:
            raise bad_request("body-empty", "body", "the body is empty")
        return await self._endpoint.answer(call)


def _body_of_query(query: str) -> bytes:
    try:
        fields = parse_qs(query, keep_blank_values=True, max_num_fields=_MOST_QUERY_FIELDS)
    except ValueError as problem:
        raise bad_request("query-invalid", "query", str(problem)) from None
    values = {name: [_value(text) for text in texts] for name, texts in fields.items()}
    single = {name: found[0] if len(found) == 1 else found for name, found in values.items()}
    return json.dumps(single).encode()


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _short(value: str | None) -> str:
    return value if value is not None and len(value) <= _LONGEST_ID else ""
