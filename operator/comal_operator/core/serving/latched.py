"""What people, the smoke test and the counters have decided about a candidate, once and for all."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from comal_operator.api.rollout_status import (
    AnalysisStatus,
    AnswersStatus,
    CheckStatus,
    HandledRequest,
    RouterCount,
    SmokeStatus,
)
from comal_operator.api.rollout_status import Hold as HoldStatus
from comal_operator.core.conditions import parse_timestamp, timestamp


@dataclass(frozen=True)
class Hold:
    """The candidate rises no further until a person says so."""

    by: str
    since: datetime
    reason: str
    message: str = ""

    @classmethod
    def of(cls, status: HoldStatus | None) -> Hold | None:
        """Return what was written down."""
        if status is None:
            return None
        return cls(status.by, parse_timestamp(status.since), status.reason, status.message)

    def to_wire(self) -> dict[str, Any]:
        """Return what is written down."""
        return HoldStatus(
            by=self.by, since=timestamp(self.since), reason=self.reason, message=self.message
        ).to_wire()


@dataclass(frozen=True)
class Handled:
    """A request that was heard; whatever happens to the annotation, it is not heard again."""

    text: str
    by: str | None
    at: datetime
    refused: str | None = None

    @classmethod
    def of(cls, status: HandledRequest) -> Handled:
        """Return what was written down."""
        return cls(status.request, status.by, parse_timestamp(status.at), status.refused)

    def to_wire(self) -> dict[str, Any]:
        """Return what is written down."""
        return HandledRequest(
            request=self.text, by=self.by, at=timestamp(self.at), refused=self.refused
        ).to_wire()


@dataclass(frozen=True)
class SmokeResult:
    """How the smoke test ended."""

    passed: bool
    message: str

    @classmethod
    def of(cls, status: SmokeStatus | None) -> SmokeResult | None:
        """Return what was written down."""
        return None if status is None else cls(status.passed, status.message)

    def to_wire(self) -> dict[str, Any]:
        """Return what is written down."""
        return SmokeStatus(passed=self.passed, message=self.message).to_wire()


@dataclass(frozen=True)
class Count:
    """What one router had counted of one revision at some moment."""

    router: str
    revision: str
    requests: int
    errors: int


@dataclass(frozen=True)
class CheckResult:
    """How a further check ended the last time."""

    name: str
    step: str
    state: str
    message: str
    at: datetime
    rounds: int
    failures: int

    @classmethod
    def of(cls, status: CheckStatus) -> CheckResult:
        """Return what was written down."""
        return cls(
            status.name,
            status.step,
            status.state,
            status.message,
            parse_timestamp(status.at),
            status.rounds,
            status.failures,
        )

    def to_wire(self) -> dict[str, Any]:
        """Return what is written down."""
        return CheckStatus.model_validate({**asdict(self), "at": timestamp(self.at)}).to_wire()


@dataclass(frozen=True)
class Answers:
    """How answers to copies differ from those to the requests, as far as both were kept."""

    step: str
    until: datetime
    compared: int = 0
    different: int = 0
    greatest: float = 0.0
    rounds: int = 0
    problem: str = ""

    @classmethod
    def of(cls, status: AnswersStatus | None) -> Answers | None:
        """Return what was written down."""
        if status is None:
            return None
        return cls(
            status.step,
            parse_timestamp(status.until),
            status.compared,
            status.different,
            float(status.greatest),
            status.rounds,
            status.problem or "",
        )

    def to_wire(self) -> dict[str, Any]:
        """Return what is written down."""
        return AnswersStatus(
            step=self.step,
            compared=self.compared,
            different=self.different,
            greatest=f"{self.greatest:g}",
            rounds=self.rounds,
            until=timestamp(self.until),
            problem=self.problem or None,
        ).to_wire()

    def __str__(self) -> str:
        if self.problem and not self.compared:
            return self.problem
        if not self.different:
            return f"none of {self.compared} answers to copies differs"
        rate = 100 * self.different / self.compared
        by = f", by {self.greatest:g} at most" if self.greatest else ""
        return f"{self.different} of {self.compared} answers to copies differ ({rate:.1f} %){by}"


@dataclass(frozen=True)
class Evidence:
    """The numbers of the last decision, and where counting begins for the next one."""

    verdict: str
    message: str = ""
    requests: int = 0
    errors: int = 0
    stable_requests: int = 0
    stable_errors: int = 0
    baseline: tuple[Count, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    answers: Answers | None = None

    @classmethod
    def of(cls, status: AnalysisStatus | None) -> Evidence | None:
        """Return what was written down."""
        if status is None:
            return None
        return cls(
            status.verdict,
            status.message,
            status.requests,
            status.errors,
            status.stable_requests,
            status.stable_errors,
            tuple(
                Count(one.router, one.revision, one.requests, one.errors) for one in status.baseline
            ),
            tuple(CheckResult.of(one) for one in status.checks),
            Answers.of(status.answers),
        )

    def to_wire(self) -> dict[str, Any]:
        """Return what is written down."""
        counts = tuple(
            RouterCount(
                router=one.router,
                revision=one.revision,
                requests=one.requests,
                errors=one.errors,
            )
            for one in self.baseline
        )
        return AnalysisStatus.model_validate(
            {
                "verdict": self.verdict,
                "message": self.message,
                "requests": self.requests,
                "errors": self.errors,
                "stableRequests": self.stable_requests,
                "stableErrors": self.stable_errors,
                "baseline": counts,
                "checks": [one.to_wire() for one in self.checks],
                "answers": self.answers.to_wire() if self.answers is not None else None,
            }
        ).to_wire()
