"""The status of a ModelDeployment, written only when it says something new."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from comal_operator.core.conditions import condition, merge
from comal_operator.core.plan import Manifest, Ref, WriteStatus
from comal_operator.core.serving.autoscaling import scale_on_wire, shown_replicas
from comal_operator.core.serving.health import (
    analysis_healthy,
    scaling_active,
    update_available,
)
from comal_operator.core.serving.looked import Looked, resolved_on_wire
from comal_operator.core.serving.memory import Memory
from comal_operator.core.serving.objects import url
from comal_operator.core.serving.observed import RevisionSeen
from comal_operator.core.serving.reasons import (
    AvailableReason,
    ResolutionReason,
    RouteReason,
)
from comal_operator.core.serving.resolution import Unresolved
from comal_operator.core.serving.router_secrets import keys_secret_name
from comal_operator.core.serving.spans_sent import SPANS_SENT
from comal_operator.core.serving.verdict import Course, Verdict, answering
from comal_operator.core.serving.wishes import resolved_variants
from comal_operator.core.serving.written_memory import written_down

_OURS = (
    "Ready",
    "Reconciling",
    "Stalled",
    "Available",
    "ModelResolved",
    "RouteReady",
    "AnalysisHealthy",
    "ScalingActive",
    "UpdateAvailable",
    SPANS_SENT,
)
_ROLES = ("stable", "candidate", "previous")


def status_of(looked: Looked, verdict: Verdict, now: datetime) -> dict[str, Any]:
    """Return the whole status."""
    mdep = looked.mdep
    generation = mdep["metadata"]["generation"]
    old = (mdep.get("status") or {}).get("conditions") or ()
    found = {
        "observedGeneration": generation,
        "url": url(mdep, looked.spec),
        "keysSecret": keys_secret_name(mdep, looked.spec.access),
        "resolved": resolved_on_wire(looked) or (mdep.get("status") or {}).get("resolved"),
        "modelImport": _importing(looked),
        "step": _step(looked),
        **written_down(looked.memory),
        **scale_on_wire(mdep, looked.memory, looked.revisions),
        "conditions": merge(old, _conditions(looked, verdict), generation=generation, now=now),
    }
    for role in _ROLES:
        if found[role] is not None:
            seen = looked.revisions.get(found[role]["revision"], RevisionSeen())
            found[role]["ready"] = f"{seen.ready}/{shown_replicas(looked.spec, seen)}"
            found[role] |= _image(looked, found[role]["revision"])
    found["variants"] = _variants(looked, found["variants"])
    return {name: value for name, value in found.items() if value not in (None, [], ())}


def _importing(looked: Looked) -> dict[str, Any] | None:
    state = looked.importing.state if looked.importing is not None else None
    return state.to_wire() if state is not None else None


def _variants(looked: Looked, variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the remembered variants with what people see beside it."""
    resolved = resolved_variants(looked.wishes, looked.mdep.get("status") or {})
    for variant in variants:
        for role in ("serving", "following"):
            if role in variant:
                seen = looked.revisions.get(variant[role]["revision"], RevisionSeen())
                variant[role]["ready"] = f"{seen.ready}/{shown_replicas(looked.spec, seen)}"
                variant[role] |= _image(looked, variant[role]["revision"])
        if variant["name"] in resolved:
            variant["resolved"] = resolved[variant["name"]]
    return variants


def _image(looked: Looked, revision: str) -> dict[str, str]:
    """Return what a revision's Pods run, where it is an image of the user's by digest."""
    snapshot = looked.snapshots.get(revision)
    if snapshot is None or looked.spec.image is None:
        return {}
    image = str(snapshot.template["spec"]["containers"][0]["image"])
    return {"image": image} if "@" in image else {}


def write_if_new(mdep: Manifest, status: Mapping[str, Any]) -> tuple[WriteStatus, ...]:
    """Return the write of `status`, or nothing if it is what the object has."""
    live = dict(mdep.get("status") or {})
    mine = [one for one in live.get("conditions") or () if one["type"] in _OURS]
    shown = {**live, "conditions": mine}
    if shown == status:
        return ()
    return (WriteStatus(Ref.of(mdep), mdep["metadata"]["resourceVersion"], status),)


def _step(looked: Looked) -> str | None:
    """Return such as 2/3 while a candidate climbs; 100 percent is the last step."""
    memory: Memory = looked.memory
    if memory.candidate is None or memory.stable is None or memory.weight is None:
        return None
    return f"{looked.schedule.number(memory)}/{len(looked.schedule.stages)}"


def _conditions(looked: Looked, verdict: Verdict) -> list[dict[str, Any]]:
    is_ready = verdict.course is Course.DONE
    found = [condition("Ready", is_ready, verdict.reason, verdict.message)]
    # Present and True, or absent: so kstatus reads them.
    if verdict.course is Course.UNDER_WAY:
        found.append(condition("Reconciling", True, verdict.reason, verdict.message))
    if verdict.course is Course.STALLED:
        found.append(condition("Stalled", True, verdict.reason, verdict.message))
    found += [_available(looked), _model_resolved(looked), _route_ready(looked)]
    later = (*analysis_healthy(looked), *scaling_active(looked), *update_available(looked))
    return [*found, *later, *looked.spans]


def _available(looked: Looked) -> dict[str, Any]:
    routers, pods = len(looked.routers.ready), answering(looked)
    if not looked.memory.traffic:
        return condition("Available", False, AvailableReason.NOTHING_DEPLOYED, "nothing serves yet")
    if looked.memory.suspended:
        text = "callers are told 503, since spec.suspend is true"
        return condition("Available", False, AvailableReason.SUSPENDED, text)
    if not looked.has_service:
        text = f"there is no Service {looked.mdep['metadata']['name']} of ours"
        return condition("Available", False, AvailableReason.NO_SERVICE, text)
    if not routers:
        return condition("Available", False, AvailableReason.NO_ROUTER_READY, "no router is ready")
    if not pods:
        return condition("Available", False, AvailableReason.NO_POD_READY, "no Pod is ready")
    text = f"requests are answered at {url(looked.mdep, looked.spec)}"
    return condition("Available", True, AvailableReason.ANSWERING, text)


def _model_resolved(looked: Looked) -> dict[str, Any]:
    model = looked.model
    if isinstance(model, Unresolved):
        return condition("ModelResolved", False, model.reason, model.message)
    for wish in looked.wishes:
        if isinstance(wish.model, Unresolved):
            text = f"variant {wish.name}: {wish.model.message}"
            return condition("ModelResolved", False, wish.model.reason, text)
    text = f"{model.model_version} ({model.digest})"
    return condition("ModelResolved", True, ResolutionReason.RESOLVED, text)


def _route_ready(looked: Looked) -> dict[str, Any]:
    if not looked.routers.ready:
        return condition("RouteReady", False, RouteReason.ROUTERS_NOT_READY, "no router is ready")
    if not looked.memory.is_acknowledged:
        text = "a router has not said yet that it runs the newest shares"
        return condition("RouteReady", False, RouteReason.NOT_ACKNOWLEDGED, text)
    shares = ", ".join(f"{one} {share}" for one, share in sorted(looked.memory.traffic.items()))
    text = f"every router runs: {shares or 'nothing'}"
    return condition("RouteReady", True, RouteReason.ACKNOWLEDGED, text)
