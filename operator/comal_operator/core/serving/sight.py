"""What one look at a rollout sees besides what is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from comal_operator.core.serving.counters import Reading
from comal_operator.core.serving.latched import SmokeResult
from comal_operator.core.serving.observed import RevisionSeen
from comal_operator.core.serving.schedule import Schedule

_UNSEEN = RevisionSeen()


@dataclass(frozen=True)
class Target:
    """The revision that the spec wants; its snapshot exists."""

    revision: str
    model_version: str
    digest: str


@dataclass(frozen=True)
class WantedVariant:
    """One of spec.variants."""

    name: str
    percent: str
    target: Target | None
    """None until the wanted revision has its snapshot."""
    revision: str | None
    """The wanted revision; None while its model is unknown."""
    comes: bool = False
    """Whether an unknown model comes by itself."""


@dataclass(frozen=True)
class Request:
    """What the annotations ask for."""

    text: str
    by: str | None = None


@dataclass(frozen=True)
class Round:
    """One time that a further check was asked."""

    state: str | None
    """None while it runs; then `message` is what keeps it from running, if anything does."""
    message: str
    at: datetime


@dataclass(frozen=True)
class ComparedRound:
    """One time that answers to copies were compared."""

    compared: int
    different: int
    greatest: float
    until: datetime
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """All that a rollout's next step hangs on, in one value."""

    now: datetime
    schedule: Schedule
    revisions: Mapping[str, RevisionSeen]
    target: Target | None
    """None until the wanted revision has its snapshot."""
    variants: tuple[WantedVariant, ...] = ()
    """What the spec wants beside it."""
    is_resolved: bool = True
    """Whether there is a model at all: without one, what is wanted is surely not the candidate."""
    is_confirmed: bool = False
    """Whether all routers were asked just now and run what is remembered: one that was away when
    the others acknowledged may be back with older shares.
    """
    readings: Mapping[str, Reading] | None = None
    """What each router has counted; None if not every router has just told."""
    checks: Mapping[str, Round] = field(default_factory=dict)
    """How the rounds of further checks stand, by their keys."""
    compared: ComparedRound | None = None
    """What the round of comparing that is due has found; None if it has not."""
    smoke: SmokeResult | None = None
    """How the candidate's smoke test has ended; None if it has not."""
    request: Request | None = None

    def seen(self, revision: str) -> RevisionSeen:
        """Return a revision as the cluster shows it; all zero if it has no Deployment."""
        return self.revisions.get(revision, _UNSEEN)
