"""What a ModelDeployment's status says of the rollout under way, and remembers of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from comal_operator.api.meta import ApiType, Timestamp

RevisionName = Annotated[str, Field(max_length=16)]
_Sentence = Annotated[str, Field(max_length=512)]
_Who = Annotated[str, Field(max_length=253)]


class Hold(ApiType):
    """Why the candidate gets no further share until a person says so."""

    by: _Who
    """Who asked for it; analysis when the candidate failed and rollout.onFailure is Hold."""
    since: Timestamp
    """Since when."""
    reason: Annotated[str, Field(max_length=64)]
    """Paused, or why the candidate failed, as one word."""
    message: Annotated[str, Field(max_length=3072)] = ""
    """Why, as a sentence; of a crash with the end of its log."""


class HandledRequest(ApiType):
    """A request that was heard once and for all."""

    request: Annotated[str, Field(max_length=128)]
    """Text of the annotation comal.dev/request."""
    by: _Who | None = None
    """Who asked, as the annotation comal.dev/requested-by said."""
    at: Timestamp
    """When it was handled."""
    refused: _Sentence | None = None
    """Why nothing was done; none when it was carried out."""


class SmokeStatus(ApiType):
    """How the smoke test of the candidate ended."""

    passed: bool
    """Whether the answer was right."""
    message: _Sentence
    """What was answered."""


class CheckStatus(ApiType):
    """How one of rollout.analysis.checks ended the last time; remembered."""

    name: Annotated[str, Field(max_length=63)]
    """Name of the check."""
    step: Annotated[str, Field(max_length=32)]
    """The step of which it was asked, as a percentage."""
    state: Literal["Passed", "Failed", "Error"]
    """Error: it could not be evaluated, which is neither good nor bad."""
    message: _Sentence
    """The value, or how the Job ended."""
    at: Timestamp
    """When it was asked."""
    rounds: int
    """How often it has been asked at that step."""
    failures: int = 0
    """How many of the last answers in a row were bad."""


class AnswersStatus(ApiType):
    """What the candidate's answers to copies were beside stable's; remembered."""

    step: Annotated[str, Field(max_length=32)]
    """The step at which they were compared."""
    compared: int = 0
    """Answers that were compared."""
    different: int = 0
    """Those that differ."""
    greatest: Annotated[str, Field(max_length=32)] = "0"
    """The greatest difference of two numbers among them."""
    rounds: int
    """How often answers have been compared at that step."""
    until: Timestamp
    """Up to when."""
    problem: _Sentence | None = None
    """Why nothing was compared the last time, if nothing could be."""


class RouterCount(ApiType):
    """What one router had counted of one revision when the step began."""

    router: Annotated[str, Field(max_length=63)]
    """Name of the router's Pod."""
    revision: RevisionName
    """The revision."""
    requests: int
    """Requests that had ended."""
    errors: int
    """Those that had failed."""


class AnalysisStatus(ApiType):
    """The numbers on which the last decision about the candidate stood."""

    verdict: Literal["Undecided", "Healthy", "Failed"]
    """Undecided while the first step runs, then what was found at the end of the last one."""
    message: _Sentence = ""
    """The same as a sentence."""
    requests: int = 0
    """Requests to the candidate at that step."""
    errors: int = 0
    """Those that failed."""
    stable_requests: int = 0
    """Requests to stable in the same time."""
    stable_errors: int = 0
    """Those that failed."""
    checks: Annotated[tuple[CheckStatus, ...], Field(max_length=32)] = ()
    """How the further checks ended the last time."""
    answers: AnswersStatus | None = None
    """How the candidate's answers to copies differ from stable's."""
    baseline: Annotated[tuple[RouterCount, ...], Field(max_length=64)] = ()
    """The routers' counters when the step began; remembered, so that a restart loses no count."""
