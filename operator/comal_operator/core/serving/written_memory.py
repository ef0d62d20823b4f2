"""The memory as the status writes it down, and how it is found again there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from comal_operator.api.model_deployment_status import (
    DrainingRevision,
    ModelDeploymentStatus,
    RejectedRevision,
    RevisionStatus,
)
from comal_operator.core.conditions import parse_timestamp, timestamp
from comal_operator.core.serving.acknowledgement import traffic_of
from comal_operator.core.serving.latched import Evidence, Handled, Hold, SmokeResult
from comal_operator.core.serving.memory import (
    Draining,
    Memory,
    Rejection,
    Role,
    Variant,
    plain,
    whole_second,
)

_REJECTED_LIMIT = 10
_HANDLED_LIMIT = 8


def remembered(status: ModelDeploymentStatus) -> Memory:
    """Return what the last look wrote down."""
    return Memory(
        stable=_role(status.stable),
        candidate=_role(status.candidate),
        previous=_role(status.previous),
        variants=tuple(
            Variant(
                one.name,
                one.percent,
                _role(one.serving),
                _role(one.following),
                one.announced or False,
            )
            for one in status.variants
        ),
        suspended=status.suspended or False,
        weight=status.weight,
        step_since=_moment(status.step_since),
        shadow=status.shadow,
        approved=status.approved or False,
        hold=Hold.of(status.hold),
        smoke=SmokeResult.of(status.smoke),
        evidence=Evidence.of(status.analysis),
        handled=tuple(Handled.of(one) for one in status.requests),
        draining=tuple(Draining(one.revision, _moment(one.since)) for one in status.draining),
        rejected=tuple(
            Rejection(
                one.revision, one.model_version, one.reason, one.message, parse_timestamp(one.at)
            )
            for one in status.rejected
        ),
        acknowledged={
            one.revision: one.acknowledged_percent
            for one in status.traffic
            if one.acknowledged_percent is not None
        },
        observed={
            one.revision: one.observed_requests
            for one in status.traffic
            if one.observed_requests is not None
        },
    )


def recovered(
    memory: Memory, written: str, known: Mapping[str, tuple[str, str, str]], now: datetime
) -> Memory:
    """Return `memory` with what serves found again after the status was lost.

    `written` is the traffic that the routers were last given, `known` (variant if it is of one,
    ModelVersion, digest) by revision. A restored backup or a `replace` brings objects without
    status, and what serves must not be taken for a stranger then.
    """
    shares = {one: Decimal(s) for one, s in traffic_of(written).items() if one in known}
    mine: dict[str, list[str]] = {}
    for one in sorted(shares):
        mine.setdefault(known[one][0], []).append(one)
    if memory.stable or memory.candidate or "" not in mine:
        return memory
    # Of two with the same name the one that serves has more.
    found = {
        name: Role(largest, *known[largest][1:], since=whole_second(now))
        for name, some in mine.items()
        for largest in (max(some, key=shares.__getitem__),)
    }
    return Memory(
        stable=found.pop(""),
        variants=tuple(
            Variant(name, plain(shares[found[name].revision]), found[name])
            for name in sorted(found)
        ),
        rejected=memory.rejected,
        handled=memory.handled,
    )


def _role(status: RevisionStatus | None) -> Role | None:
    if status is None:
        return None
    since = _moment(status.since) or datetime.fromisoformat("1970-01-01T00:00:00Z")
    return Role(
        status.revision,
        status.model_version,
        status.digest,
        since,
        warm=status.warm or False,
        expedited=status.expedited or False,
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_timestamp(text)


def written_down(memory: Memory) -> dict[str, Any]:
    """Return the part of the status that is `memory`, without Pod counts."""
    traffic = memory.traffic
    revisions = sorted({*traffic, *memory.acknowledged, *memory.observed})
    of_variant = {
        role.revision: one.name
        for one in memory.variants
        for role in (one.serving, one.following)
        if role is not None
    }
    return {
        "stable": _role_on_wire(memory.stable),
        "candidate": _role_on_wire(memory.candidate),
        "previous": _role_on_wire(memory.previous),
        "variants": [_variant_on_wire(one) for one in memory.variants],
        "suspended": memory.suspended or None,
        "weight": memory.weight,
        "stepSince": timestamp(memory.step_since) if memory.step_since else None,
        "shadow": memory.shadow,
        "approved": memory.approved or None,
        "hold": memory.hold.to_wire() if memory.hold else None,
        "smoke": memory.smoke.to_wire() if memory.smoke else None,
        "analysis": memory.evidence.to_wire() if memory.evidence else None,
        "lastHandledRequest": memory.handled[0].text if memory.handled else None,
        "requests": [one.to_wire() for one in memory.handled[:_HANDLED_LIMIT]],
        "traffic": [
            _present(
                revision=one,
                variant=of_variant.get(one),
                percent=traffic.get(one),
                acknowledgedPercent=memory.acknowledged.get(one),
                observedPercent=_observed(one, memory),
                observedRequests=memory.observed.get(one),
            )
            for one in revisions
        ],
        "draining": [
            DrainingRevision(
                revision=one.revision, since=timestamp(one.since) if one.since else None
            ).to_wire()
            for one in memory.draining
        ],
        "rejected": [
            RejectedRevision(
                revision=one.revision,
                model_version=one.model_version,
                reason=one.reason,
                message=one.message,
                at=timestamp(one.at),
            ).to_wire()
            for one in memory.rejected[:_REJECTED_LIMIT]
        ],
    }


def _observed(revision: str, memory: Memory) -> str | None:
    """Return its share of the requests that variants leave, as a percentage of all."""
    counts = memory.observed
    if revision not in counts:
        return None
    share = memory.rest * counts[revision] / (sum(counts.values()) or 1)
    return plain(share.quantize(Decimal("0.01")))


def _role_on_wire(role: Role | None) -> dict[str, Any] | None:
    if role is None:
        return None
    return _present(
        revision=role.revision,
        modelVersion=role.model_version,
        digest=role.digest,
        since=timestamp(role.since),
        warm=role.warm or None,
        expedited=role.expedited or None,
    )


def _variant_on_wire(variant: Variant) -> dict[str, Any]:
    return _present(
        name=variant.name,
        percent=variant.percent,
        serving=_role_on_wire(variant.serving),
        following=_role_on_wire(variant.following),
        announced=variant.is_announced or None,
    )


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
