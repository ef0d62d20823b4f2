"""What is remembered between two looks: what the cluster can forget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from comal_operator.core.serving.latched import Evidence, Handled, Hold, SmokeResult

FULL = "100"
NONE = "0"
_FINEST = Decimal("0.001")


def whole_second(moment: datetime) -> datetime:
    """Return `moment` as status keeps it: whole seconds, never earlier than it was."""
    return (moment + timedelta(microseconds=999_999)).replace(microsecond=0)


@dataclass(frozen=True)
class Role:
    """A revision and since when it has its role."""

    revision: str
    model_version: str
    digest: str
    since: datetime
    warm: bool = False
    """Of a candidate: it was stable a moment ago and still runs, so it needs no steps."""
    expedited: bool = False
    """Of a candidate: somebody asked to promote it past the remaining steps."""


@dataclass(frozen=True)
class Variant:
    """What serves a long-lived share beside stable and candidate, and what takes it over."""

    name: str
    percent: str = NONE
    serving: Role | None = None
    following: Role | None = None
    is_announced: bool = False
    """Whether routers are told of the one that follows: with no share yet."""


@dataclass(frozen=True)
class Draining:
    """A revision that left the traffic; `since` once every router has left it."""

    revision: str
    since: datetime | None = None


@dataclass(frozen=True)
class Rejection:
    """A revision that was rolled back."""

    revision: str
    model_version: str
    reason: str
    message: str
    at: datetime


@dataclass(frozen=True)
class Memory:
    """Which revisions have a role, what share the candidate shall have, what routers have said."""

    stable: Role | None = None
    candidate: Role | None = None
    previous: Role | None = None
    """The former stable revision while it bakes."""
    variants: tuple[Variant, ...] = ()
    """By name."""
    suspended: bool = False
    """Whether nobody shall be answered: all shares are nothing, and come back as they were."""
    weight: str | None = None
    """The candidate's share in percent of what variants leave; None: no router knows it yet."""
    step_since: datetime | None = None
    """When every router had that share."""
    shadow: str | None = None
    """The share of all requests of which the candidate gets a copy, in percent."""
    approved: bool = False
    """Whether somebody approved the step that the candidate is at."""
    hold: Hold | None = None
    smoke: SmokeResult | None = None
    evidence: Evidence | None = None
    handled: tuple[Handled, ...] = ()
    """Requests that were heard, newest first."""
    draining: tuple[Draining, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    acknowledged: Mapping[str, str] = field(default_factory=dict)
    """Percent by revision that every router has said it runs."""
    observed: Mapping[str, int] = field(default_factory=dict)
    """Requests by revision that the routers had counted at this step when it was last told."""

    @property
    def traffic(self) -> dict[str, str]:
        """Percent by revision that callers shall get; 0 stands by."""
        return dict.fromkeys(self.shares, NONE) if self.suspended else self.shares

    @property
    def shares(self) -> dict[str, str]:
        """Percent by revision of the requests that are answered at all."""
        shares: dict[str, str] = {}
        for variant in self.variants:
            if variant.serving is not None:
                shares[variant.serving.revision] = variant.percent
            if variant.following is not None and variant.is_announced:
                shares[variant.following.revision] = NONE
        share = self.weight if self.candidate is not None else None
        risen = _part(Decimal(share or NONE), self.rest)
        if self.stable is not None:
            shares[self.stable.revision] = plain(self.rest - risen)
        if self.candidate is not None and share is not None:
            shares[self.candidate.revision] = plain(risen) if self.stable is not None else FULL
        if self.previous is not None:
            shares[self.previous.revision] = NONE
        return shares

    @property
    def rest(self) -> Decimal:
        """The percent of all requests that variants leave."""
        return 100 - sum((Decimal(one.percent) for one in self.variants), Decimal(0))

    @property
    def is_acknowledged(self) -> bool:
        """Whether every router has said that it runs exactly this."""
        return dict(self.acknowledged) == self.traffic

    @property
    def is_hurried(self) -> bool:
        """Whether the candidate takes over without steps."""
        candidate = self.candidate
        no_way_back = self.stable is None
        return candidate is not None and (candidate.warm or candidate.expedited or no_way_back)

    def without_progress(self) -> Memory:
        """Return this with nothing of what a candidate has worked for."""
        return replace(
            self,
            weight=None,
            step_since=None,
            shadow=None,
            approved=False,
            hold=None,
            smoke=None,
            evidence=None,
        )

    @property
    def in_use(self) -> frozenset[str]:
        """The revisions that must run."""
        roles = [self.stable, self.candidate, self.previous]
        roles += [role for one in self.variants for role in (one.serving, one.following)]
        return frozenset(role.revision for role in roles if role is not None)

    def rejection(self, revision: str) -> Rejection | None:
        """Return how that revision was rolled back, if it was."""
        return next((one for one in self.rejected if one.revision == revision), None)


def plain(percent: Decimal) -> str:
    """Return a share as people write it: 10, not 10.000 or 1E+1."""
    return format(percent.normalize(), "f")


def _part(weight: Decimal, rest: Decimal) -> Decimal:
    """Return `weight` percent of `rest`, to a thousandth; what is above nothing stays so."""
    if not weight or weight == 100:
        return weight and rest
    part = (weight * rest / 100).quantize(_FINEST)
    return min(max(part, _FINEST), max(rest - _FINEST, Decimal(0)))
