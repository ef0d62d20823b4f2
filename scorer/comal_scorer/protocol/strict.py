"""The strict dialect: a status code that is true, and one sentence that names the field."""

from __future__ import annotations

from comal_scorer import contract
from comal_scorer.protocol.exchange import Given, Headers, Reply
from comal_scorer.request_error import RequestError


class Strict:
    """Real status codes; `{"error": {"code", "field", "message"}}`."""

    def admit(self, given: Given) -> None:
        """Let everybody in."""

    def headers(self, given: Given, identifier: str) -> Headers:
        """Return the id that ties this answer to a log line."""
        del given
        return [(contract.REQUEST_ID_HEADER, identifier)]

    def success(self, reply: Reply) -> Headers:
        """Return nothing: the body says it all."""
        del reply
        return []

    def refusal(self, problem: RequestError) -> tuple[int, bytes, Headers]:
        """Return the error as it is."""
        return problem.status, problem.body(), list(problem.headers)
