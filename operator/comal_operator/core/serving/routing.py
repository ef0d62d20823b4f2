"""What the routers shall follow: the remembered shares, the seen endpoints, the spec's wishes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from comal_operator.api.model_deployment import ModelDeploymentSpec
from comal_operator.core.children import quantity
from comal_operator.core.durations import parse_duration
from comal_operator.core.serving.endpoints import Address, Backend, Routing
from comal_operator.core.serving.handling import Handling, Mirror, Role, Rule
from comal_operator.core.serving.looked import Looked
from comal_operator.core.serving.memory import Memory
from comal_operator.core.serving.observed import RevisionSeen
from comal_operator.core.serving.spans import destination_of
from comal_operator.core.serving.tracing import Traces


def routing_of(looked: Looked, last_resort: Address | None) -> Routing:
    """Return what the routers shall follow; made of what is written down alone."""
    facts = _roles(looked.memory)
    backends = tuple(
        Backend(
            one,
            share,
            looked.revisions.get(one, RevisionSeen()).addresses,
            *facts.get(one, ("", "")),
        )
        for one, share in sorted(looked.memory.shares.items())
    )
    return Routing(
        name=looked.mdep["metadata"]["name"],
        backends=backends,
        last_resort=last_resort,
        timeout_seconds=parse_duration(looked.spec.limits.timeout).total_seconds(),
        handling=replace(
            handling_of(looked.spec),
            mirror=_mirror(looked),
            variants=tuple(one.name for one in looked.memory.variants),
            suspended=looked.memory.suspended,
        ),
        traces=_traces(looked),
    )


def handling_of(spec: ModelDeploymentSpec) -> Handling:
    """Return what `spec` says about requests."""
    traffic = spec.traffic
    return Handling(
        rules=tuple(
            Rule(one.header.name.lower(), one.header.value, one.to) for one in traffic.rules
        ),
        sticky_by=traffic.sticky_by.header.lower() if traffic.sticky_by else None,
        repeats_errors="ServerError" in traffic.fallback.when,
        repeatable_bytes=_bytes(traffic.fallback.max_body),
        body_bytes=_bytes(spec.limits.max_body),
        ip_allow=spec.access.ip_allow,
        proxies=spec.access.proxies,
        has_keys=spec.access.auth == "Keys",
        key_rate=spec.limits.requests_per_second_per_key,
        has_tls=spec.access.tls is not None,
    )


def _traces(looked: Looked) -> Traces | None:
    to = destination_of(looked.mdep, looked.spec.telemetry)
    return (
        None
        if to is None
        else Traces(to.host, to.port, to.sample, looked.mdep["metadata"]["namespace"])
    )


def _mirror(looked: Looked) -> Mirror | None:
    """Return what the candidate gets copies of: by the step of the rollout, else by the spec."""
    memory, wished = looked.memory, looked.spec.traffic.mirror
    percent = memory.shadow or (wished.percent if wished else None)
    if percent is None or memory.candidate is None or memory.weight is None:
        return None
    return Mirror(memory.candidate.revision, percent) if Decimal(percent) else None


def _roles(memory: Memory) -> Mapping[str, tuple[str, str]]:
    """Return role and model version by revision."""
    roles = [
        (Role.PREVIOUS, memory.previous),
        (Role.CANDIDATE, memory.candidate),
        (Role.STABLE, memory.stable),
        *((one.name, one.serving) for one in memory.variants),
        *((Role.FOLLOWING, one.following) for one in memory.variants),
    ]
    return {one.revision: (role, one.model_version) for role, one in roles if one is not None}


def _bytes(size: str) -> int:
    return int(quantity(size) or 0)
