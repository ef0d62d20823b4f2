"""How many Pods a revision has, and who decides: the spec, or an autoscaler within bounds.

`replicas` passes to the autoscaler without a reset. Were the operator simply to leave the field out
of what it applies, the API server would put it back to 1, as nobody would own it any more. So it is
first applied under a second name, beside an annotation that tells us so, and left out only then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from typing import Any

from comal_operator.api.model_deployment import ModelDeploymentSpec
from comal_operator.api.scaling import DEFAULT_REPLICAS, Autoscaling
from comal_operator.core.children import child_metadata, is_ours
from comal_operator.core.names import LABEL_REVISION
from comal_operator.core.plan import Manifest, Seen
from comal_operator.core.serving.labels import revision_labels, revision_selector
from comal_operator.core.serving.memory import FULL, NONE, Memory
from comal_operator.core.serving.observed import RevisionSeen
from comal_operator.core.serving.revision import child_of_revision
from comal_operator.core.serving.schedule import Schedule

HORIZONTAL_POD_AUTOSCALER = "HorizontalPodAutoscaler"
SCALE_MANAGER = "comal-operator-scale"
"""Field manager under which `replicas` is left to an autoscaler."""
SCALED_BY = "comal.dev/scaled-by"
AUTOSCALER = "autoscaler"
OPERATOR = "operator"

_UNSEEN = RevisionSeen()
Revisions = Mapping[str, RevisionSeen]


def fixed_replicas(spec: ModelDeploymentSpec) -> int:
    """Return the Pods of a revision that no autoscaler scales."""
    return DEFAULT_REPLICAS if spec.replicas is None else spec.replicas


def shown_replicas(spec: ModelDeploymentSpec, seen: RevisionSeen) -> int:
    """Return how many Pods a revision shall have at this moment, for people."""
    varies = spec.autoscaling is not None or spec.rollout.capacity == "Conserve"
    return max(seen.wanted, 1) if varies else fixed_replicas(spec)


def planned_pods(
    revision: str,
    spec: ModelDeploymentSpec,
    memory: Memory,
    schedule: Schedule,
    *,
    ahead: bool = True,
) -> int:
    """Return the Pods of a revision that no autoscaler scales.

    With capacity Conserve a candidate has what its next share needs, stable what is left to it once
    every router has said so, and the former one a single Pod while it bakes. Not `ahead` is what
    the candidate needs for the share that it has: until every router has it, stable is not smaller.
    """
    pods = fixed_replicas(spec)
    stable, candidate, previous = memory.stable, memory.candidate, memory.previous
    if spec.rollout.capacity == "Surge" or stable is None:
        return pods
    share = Decimal(FULL)
    if candidate is not None and candidate.revision == revision:
        share = share_needed(memory, schedule) if ahead else _present_share(memory, schedule)
    elif candidate is not None and stable.revision == revision:
        # Of what variants leave, as the candidate's weight is.
        told = Decimal(memory.acknowledged.get(revision, FULL))
        told = min(told * 100 / memory.rest, Decimal(100)) if memory.rest else Decimal(0)
        share = max(100 - Decimal(memory.weight or NONE), told)
    elif previous is not None and previous.revision == revision:
        share = Decimal(NONE)
    return _pods_for(share, pods)


def share_needed(memory: Memory, schedule: Schedule) -> Decimal:
    """Return the percentage of all requests that the candidate must be able to take next."""
    following = schedule.after(memory)
    shares = (Decimal(following.weight), Decimal(following.shadow or NONE))
    return max(*shares, _present_share(memory, schedule))


def _present_share(memory: Memory, schedule: Schedule) -> Decimal:
    stage = schedule.stage(memory)
    return max(Decimal(stage.weight), Decimal(stage.shadow or NONE))


def least_pods(
    revision: str,
    scaling: Autoscaling,
    memory: Memory,
    revisions: Revisions,
    schedule: Schedule,
) -> int:
    """Return how many Pods the autoscaler must leave to a revision.

    A candidate has what its next share needs, measured by the stable revision's Pods. While there
    is one, stable keeps its size, and so does the former one while it bakes: either may have to
    take all requests back at once.
    """
    here = revisions.get(revision, _UNSEEN).wanted
    stable, candidate, previous = memory.stable, memory.candidate, memory.previous
    least = scaling.min
    if candidate is not None and candidate.revision == revision and stable is not None:
        pods = revisions.get(stable.revision, _UNSEEN).wanted
        least = _pods_for(share_needed(memory, schedule), pods)
    elif (candidate is not None and stable is not None and stable.revision == revision) or (
        previous is not None and previous.revision == revision
    ):
        least = max(scaling.min, here)
    for variant in memory.variants:
        follows = variant.following is not None and variant.following.revision == revision
        if follows and variant.serving is not None:
            least = max(scaling.min, revisions.get(variant.serving.revision, _UNSEEN).wanted)
    return max(1, min(least, scaling.max))


def with_capacity(
    revisions: dict[str, RevisionSeen],
    spec: ModelDeploymentSpec,
    memory: Memory,
    schedule: Schedule,
) -> dict[str, RevisionSeen]:
    """Return `revisions`, each available only with the Pods that it needs to take over requests.

    For a candidate that is its next share, for the former revision all of them.
    """
    needed: dict[str, int] = {}
    candidate, previous, scaling = memory.candidate, memory.previous, spec.autoscaling
    if candidate is not None and scaling is not None:
        least = least_pods(candidate.revision, scaling, memory, revisions, schedule)
        needed[candidate.revision] = least
    elif candidate is not None:
        needed[candidate.revision] = planned_pods(candidate.revision, spec, memory, schedule)
    for following in (one.following for one in memory.variants):
        if following is not None and scaling is not None:
            least = least_pods(following.revision, scaling, memory, revisions, schedule)
            needed[following.revision] = least
    if previous is not None and scaling is None:
        needed[previous.revision] = fixed_replicas(spec)
    return {
        name: replace(seen, is_available=seen.is_available and seen.wanted >= needed.get(name, 0))
        for name, seen in revisions.items()
    }


def is_handed_over(deployment: Manifest | None) -> bool:
    """Return whether `replicas` is an autoscaler's; one at 0 would never scale by itself again."""
    if deployment is None:
        return False
    marks = deployment["metadata"].get("annotations") or {}
    return marks.get(SCALED_BY) == AUTOSCALER and bool(deployment["spec"].get("replicas"))


def with_replicas(deployment: Manifest, live: Manifest | None, replicas: int | None) -> Manifest:
    """Return `deployment` with so many replicas, taken back from an autoscaler if need be.

    None leaves the field to the autoscaler that has it.
    """
    if replicas is None:
        return {**deployment, "spec": _without(deployment["spec"], "replicas")}
    marks = ((live or {}).get("metadata", {}).get("annotations")) or {}
    meta = deployment["metadata"]
    if SCALED_BY in marks:
        meta = {**meta, "annotations": {**(meta.get("annotations") or {}), SCALED_BY: OPERATOR}}
    return {**deployment, "metadata": meta, "spec": {**deployment["spec"], "replicas": replicas}}


def hand_over(deployment: Manifest) -> Manifest:
    """Return what is applied as `SCALE_MANAGER`: `replicas` as it is, in other hands.

    Only to the Deployment as it was seen: an operator that is late, and leads no more, would put
    back the number that the autoscaler has raised since.
    """
    meta = deployment["metadata"]
    return {
        "apiVersion": deployment["apiVersion"],
        "kind": deployment["kind"],
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "resourceVersion": meta["resourceVersion"],
            "annotations": {SCALED_BY: AUTOSCALER},
        },
        "spec": {"replicas": deployment["spec"]["replicas"]},
    }


def autoscaler(mdep: Manifest, revision: str, scaling: Autoscaling, least: int) -> Manifest:
    """Return a revision's HorizontalPodAutoscaler."""
    name = child_of_revision(mdep, revision)
    return {
        "apiVersion": "autoscaling/v2",
        "kind": HORIZONTAL_POD_AUTOSCALER,
        "metadata": child_metadata(mdep, name, revision_labels(mdep, revision)),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": least,
            "maxReplicas": scaling.max,
            "metrics": _metrics(scaling),
        },
    }


def superfluous(
    mdep: Manifest, seen: Seen, scaling: Autoscaling | None, needed: Iterable[str]
) -> list[Manifest]:
    """Return our autoscalers of revisions that are not `needed`; all if there is no autoscaling."""
    kept = set(needed) if scaling is not None else set()
    return [
        one
        for one in seen.all(HORIZONTAL_POD_AUTOSCALER)
        if is_ours(one, mdep)
        and "deletionTimestamp" not in one["metadata"]
        and (one["metadata"].get("labels") or {}).get(LABEL_REVISION) not in kept
    ]


def scale_on_wire(mdep: Manifest, memory: Memory, revisions: Revisions) -> dict[str, Any]:
    """Return what `/scale` shows: the stable revision's Pods, and how they are found."""
    role = memory.stable or memory.candidate
    if role is None:
        return {}
    selector = revision_selector(mdep, role.revision)
    return {
        "replicas": revisions.get(role.revision, _UNSEEN).running,
        "selector": ",".join(f"{key}={value}" for key, value in sorted(selector.items())),
    }


def _pods_for(share: Decimal, pods: int) -> int:
    return max(1, int((share * pods / 100).to_integral_value(ROUND_CEILING)))


def _metrics(scaling: Autoscaling) -> list[dict[str, Any]]:
    metrics = [one.to_wire() for one in scaling.metrics]
    if scaling.cpu is None:
        return metrics
    target = {"type": "Utilization", "averageUtilization": scaling.cpu}
    return [{"type": "Resource", "resource": {"name": "cpu", "target": target}}, *metrics]


def _without(spec: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key != name}
